import { setTimeout as pause } from 'node:timers/promises'
import { type Finding, type Incident, type IncidentExpectation, openIncident, readMetrics, sumOf } from '@semibot/stack'
import type { Service } from '../base.ts'
import type { FigureContext } from '../figure.ts'
import type { ChatRecord, LoadMessage } from '../load/chat-load.ts'
import { clock } from '../load/chat-stream.ts'
import { startLoad } from '../load/start-load.ts'
import { LOAD_PACE, loadMessages } from '../rate.ts'
import { CHAT_FAILED, DIRECT_FAILED, FALLBACK_ENABLED } from './log-lines.ts'

/** A load on one api with one runtime, in the middle of which the runtime gets a signal. */
export interface StrikeOptions {
  signal: 'SIGKILL' | 'SIGSTOP'
  rate: number
  chats: number
}

export interface Strike {
  records: ChatRecord[]
  faultAt: number
  /** Model calls beyond one per chat. */
  extraCalls: number
  /** From the fault to the line 触发自动回退, ms; NaN when it never came. */
  fallbackMs: number
  /** Chats that had failed on the runtime before that line. */
  failuresBefore: number
  findings: Finding[]
  incident: Incident
  /** What was expected of it, and holds from then on. */
  expectation: IncidentExpectation
  api: Service
  runtime: Service
}

const RAMP_MS = 3000
/** Share of the chats in the runtime that makes a moment for the fault, and how long such a moment is looked for. */
const RIPE = 0.98
const LOOK_MS = 50
const MAX_LOOKS = 40
/** Longest wait for an answer under load: past it the chat is lost. */
const TIMEOUT_MS = 30_000

/** Runs the load and strikes in its middle. The services are left running for whoever wants to see more; stop them. */
export async function strikeUnderLoad(context: FigureContext, options: StrikeOptions): Promise<Strike> {
  const { base } = context
  const { signal, rate, chats } = options
  const runtime = await base.startRuntime()
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url, LLM_CONTINUATION: 'prefix' })
  const messages = await loadMessages(base)
  await base.simulator.reset()
  await base.simulator.control(LOAD_PACE)
  const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
  const apiKey = base.runtimeOrg.apiKey
  const load = startLoad({ apis: [api.url], apiKey, rate, chats, rampMs: RAMP_MS, messages, timeoutMs: TIMEOUT_MS })
  await pause(RAMP_MS + (chats / rate) * 500)
  await ripeMoment(api, runtime)
  const faultAt = clock()
  runtime.kill(signal)
  const records = await load.records
  const { started = 0 } = await base.simulator.stats()

  const [enabledAt = Number.NaN] = api.log.times(FALLBACK_ENABLED, Math.floor(faultAt))
  const failuresBefore = api.log.times(CHAT_FAILED, Math.floor(faultAt)).filter((time) => time < enabledAt).length
  const expectation: IncidentExpectation = {
    client: [
      {
        what: 'chats without a whole, unmixed answer',
        found: records.filter((record) => record.problem !== '').length,
        expected: 0
      },
      { what: 'chats', found: records.length, expected: chats }
    ],
    metric: [
      { series: 'chat_request_total{outcome="success"}', increasedBy: chats },
      { series: 'chat_request_total{outcome="error"}', increasedBy: 0 },
      { series: 'chat_runtime_fallback_enabled', is: 1 },
      { series: 'chat_runtime_breaker_state{state="closed"}', is: 0 },
      { series: 'chat_runtime_fallback_transitions_total{to="open"}', increasedBy: { atLeast: 1 } },
      { series: 'chat_fallback_executions_total', increasedBy: { atLeast: 1 } }
    ],
    log: [
      { message: FALLBACK_ENABLED, times: 1 },
      { message: CHAT_FAILED, times: { atLeast: 1 } },
      { message: DIRECT_FAILED, times: 0 }
    ],
    database: [
      {
        what: 'executions that did not complete',
        query: "select count(*) from executions where created_at >= $1 and status <> 'completed'",
        is: 0
      },
      { what: 'whole answers stored', query: wholeAnswers(messages), is: chats },
      {
        what: 'fallbacks in the history',
        query: "select count(*) from fallback_events where created_at >= $1 and state = 'open'",
        is: { atLeast: 1 }
      }
    ]
  }
  const findings = await incident.check(expectation)
  return {
    records,
    faultAt,
    extraCalls: started - records.length,
    fallbackMs: enabledAt - faultAt,
    failuresBefore,
    findings,
    incident,
    expectation,
    api,
    runtime
  }
}

/** Waits, not for long, until nearly all chats under way are in the runtime: the fault is to meet them there. */
async function ripeMoment(api: Service, runtime: Service): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const [ofApi, ofRuntime] = await Promise.all([readMetrics(api.url), readMetrics(runtime.url)])
    const underWay = sumOf([ofApi], 'chat_execution_in_flight{mode="runtime_orchestrator"}')
    const inRuntime = sumOf([ofRuntime], 'runtime_execution_in_flight')
    if (underWay > 0 && inRuntime >= RIPE * underWay) return
    await pause(LOOK_MS)
  }
}

/** Counts the stored answers that are, without the marks of a varying model, what was asked for. */
export function wholeAnswers(messages: readonly LoadMessage[]): string {
  const answers = [...new Set(messages.map(({ answer }) => `'${answer.replaceAll("'", "''")}'`))]
  const stored = "regexp_replace(content, '\\[\\d+\\.\\d+\\]', '', 'g')"
  return `select count(*) from messages
    where created_at >= $1 and role = 'assistant' and status = 'complete' and ${stored} in (${answers.join(', ')})`
}
