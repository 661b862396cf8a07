import { openIncident } from '@semibot/stack'
import type { Base, Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import type { ChatRecord, LoadMessage } from '../load/chat-load.ts'
import { runChat } from '../load/chat-stream.ts'
import { cancelChats } from './cancel-chats.ts'
import { startFakeRuntime } from './fake-runtime.ts'
import { FALLBACK_ENABLED } from './log-lines.ts'

/** What must not make anybody leave the runtime; and, so that this can fail, what must. */
export const noFallbackScenario: Scenario = {
  name: 'no-fallback',
  about: '9 failures, 40 % soft errors, a sick model provider, 1,000 client cancels',
  async run(context) {
    const many = context.quick ? 50 : 200
    return [
      await softErrors(context, 9, () => true, false),
      await softErrors(context, many, (index) => index % 5 === 2 || index % 5 === 4, false),
      await softErrors(context, 50, (index) => index % 5 > 1, true),
      await sickProvider(context, 429),
      await sickProvider(context, 500),
      await cancels(context)
    ]
  }
}

/** Sends chats one after the other to a runtime of which some calls fail, and looks whether it falls back. */
async function softErrors(
  { base }: FigureContext,
  chats: number,
  fails: (index: number) => boolean,
  falls: boolean
): Promise<Figure> {
  const message = await fastMessage(base)
  const runtime = await startFakeRuntime(message.answer)
  const answer = runtime.behave
  runtime.behave = (call) => {
    if (fails(runtime.calls - 1)) call.response.writeHead(500).end('{}')
    else answer(call)
  }
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
  try {
    const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
    const records: ChatRecord[] = []
    for (let count = 0; count < chats; count++) records.push(await chatWith(api, base, message))
    const failed = records.filter((record) => record.problem !== '').length
    const errors = Array.from({ length: runtime.calls }, (_, index) => index).filter(fails).length
    const findings = await incident.check({
      client: [{ what: 'chats without an answer', found: failed, expected: 0 }],
      metric: [
        { series: 'chat_runtime_fallback_enabled', is: falls ? 1 : 0 },
        { series: 'chat_runtime_fallback_transitions_total{to="open"}', increasedBy: falls ? 1 : 0 },
        { series: 'chat_execution_error_total{mode="runtime_orchestrator"}', increasedBy: errors },
        { series: 'chat_request_total{outcome="success"}', increasedBy: chats }
      ],
      log: [{ message: FALLBACK_ENABLED, times: falls ? 1 : 0 }],
      database: openEvents(falls ? 1 : 0)
    })
    const share = `${((100 * errors) / runtime.calls).toFixed(0)} % of ${runtime.calls} calls failed`
    return figure(
      {
        fault: chats === 9 ? '9 failures, not one more' : `${falls ? 60 : 40} % soft errors`,
        asked: falls ? 'fallback (the other side of the threshold)' : 'no fallback',
        measured: `${share}, ${findings.some(({ what, ok }) => what === 'chat_runtime_fallback_enabled' && ok) === falls ? 'fallback' : 'no fallback'}, ${failed} chats without an answer`
      },
      failed === 0,
      findings
    )
  } finally {
    await api.stop()
    runtime.stop()
  }
}

/** The model provider refuses or breaks: both modes would meet that. */
async function sickProvider({ base, quick }: FigureContext, status: 429 | 500): Promise<Figure> {
  const chats = quick ? 20 : 60
  const message = await fastMessage(base)
  const runtime = await base.startRuntime()
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
  try {
    const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
    await base.simulator.control({ faults: [{ kind: 'status', status }] })
    const records = await Promise.all(Array.from({ length: chats }, () => chatWith(api, base, message)))
    const code = status === 429 ? 'LLM_RATE_LIMITED' : 'LLM_UNAVAILABLE'
    const honest = records.filter((record) => record.problem.includes(code)).length
    const findings = await incident.check({
      client: [{ what: `chats that were told ${code}`, found: honest, expected: chats }],
      metric: [
        { series: 'chat_runtime_fallback_enabled', is: 0 },
        { series: 'chat_fallback_executions_total', increasedBy: 0 },
        { series: `chat_execution_error_reasons_total{mode="runtime_orchestrator",code="${code}"}`, increasedBy: chats }
      ],
      log: [
        { message: FALLBACK_ENABLED, times: 0 },
        { message: new RegExp(`^\\[Chat\\] Runtime 执行失败 错误: .*\\(${code}\\)$`), times: chats }
      ],
      database: [
        ...openEvents(0),
        {
          what: `executions stored as failed with ${code}`,
          query: `select count(*) from executions where created_at >= $1 and status = 'failed' and error_code = '${code}'`,
          is: chats
        }
      ]
    })
    return figure(
      {
        fault: `model provider answers ${status}`,
        asked: 'no fallback',
        measured: `no fallback: ${honest} of ${chats} chats were told ${code}`
      },
      honest === chats,
      findings
    )
  } finally {
    await base.simulator.reset()
    await api.stop()
    await runtime.stop()
  }
}

/** Clients that change their minds: half leave, half say so. */
async function cancels({ base, quick }: FigureContext): Promise<Figure> {
  const chats = quick ? 100 : 1000
  const runtime = await base.startRuntime()
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
  try {
    await base.simulator.reset()
    await base.simulator.control({ firstTokenMs: 0, gapMs: 50 })
    const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
    await cancelChats({ api, apiKey: base.runtimeOrg.apiKey, chats, atOnce: 20 })
    const findings = await incident.check({
      client: [{ what: 'answers that the model still writes', found: await stillOpen(base), expected: 0 }],
      metric: [
        { series: 'chat_runtime_fallback_enabled', is: 0 },
        { series: 'chat_execution_cancelled_total{mode="runtime_orchestrator"}', increasedBy: chats },
        { series: 'chat_execution_error_total', increasedBy: 0 },
        { series: 'chat_runtime_fallback_transitions_total', increasedBy: 0 }
      ],
      log: [
        { message: FALLBACK_ENABLED, times: 0 },
        { message: '[Chat] 执行已取消', times: chats }
      ],
      database: [
        ...openEvents(0),
        {
          what: 'executions stored as cancelled',
          query: "select count(*) from executions where created_at >= $1 and status = 'cancelled'",
          is: chats
        }
      ]
    })
    return figure(
      {
        fault: `${chats} client cancels`,
        asked: 'no fallback',
        measured: 'no fallback, none of them counted as an error'
      },
      true,
      findings
    )
  } finally {
    await base.simulator.reset()
    await api.stop()
    await runtime.stop()
  }
}

/** Model calls that are open once everything had time to reach the simulator. */
async function stillOpen(base: Base): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const { open = 0 } = await base.simulator.stats()
    if (open === 0) return 0
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return (await base.simulator.stats()).open ?? 0
}

/** A short answer that comes at once. */
export async function fastMessage(base: Base): Promise<LoadMessage> {
  await base.simulator.reset()
  await base.simulator.control({ firstTokenMs: 0, gapMs: 0 })
  return base.simulator.message('What is new?', 12)
}

export function chatWith(api: Service, base: Base, message: LoadMessage): Promise<ChatRecord> {
  const { apiKey } = base.runtimeOrg
  return runChat({ api: new URL(api.url), apiKey, message, timeoutMs: 15_000, idle: [] })
}

function openEvents(is: number) {
  const query = "select count(*) from fallback_events where created_at >= $1 and state = 'open'"
  return [{ what: 'fallbacks in the history', query, is }]
}
