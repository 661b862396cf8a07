import { openIncident } from '@semibot/stack'
import { Pool } from 'undici'
import type { Base, Service } from '../base.ts'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import type { ChatRecord, LoadMessage } from '../load/chat-load.ts'
import { runChat } from '../load/chat-stream.ts'
import { startFakeRuntime, wholeAnswer } from './fake-runtime.ts'
import { DIRECT_FAILED, FALLBACK_ENABLED } from './log-lines.ts'

const RUNTIME_TEXT = 'Words of the runtime.'
const MODEL_TEXT = 'What the model says.'
/** Positions that the quick run tries, spread evenly. */
const QUICK_POSITIONS = 60
/** Connections that chat beside, directly: failing over is allowed for a tenth of all chats. */
const OTHERS = 8

/** The answer of the runtime ends at every byte, by a close or by a reset. */
export const truncationScenario: Scenario = {
  name: 'truncation',
  about: 'the runtime’s answer cut off at every byte',
  async run(context) {
    const figures = [await truncate(context, 'none')]
    if (!context.quick) figures.push(await truncate(context, 'prefix'))
    return figures
  }
}

async function truncate({ base, quick, report }: FigureContext, continuation: 'none' | 'prefix'): Promise<Figure> {
  const runtime = await startFakeRuntime(RUNTIME_TEXT)
  let length = 0
  runtime.behave = ({ body, socket }) => {
    // With prefix continuation the model goes on from the runtime's words, so both must be about to say the same.
    const bytes = wholeAnswer(body, continuation === 'prefix' ? MODEL_TEXT : RUNTIME_TEXT)
    length = bytes.length
    const at = Number(/^cut (\d+)/.exec(body.message)?.[1] ?? bytes.length)
    const isReset = at % 2 === 1
    socket.write(bytes.subarray(0, at), () => {
      if (isReset && at < bytes.length) socket.resetAndDestroy()
      else socket.end()
    })
  }
  const api = await base.startApi({
    RUNTIME_SERVICE_URL: runtime.url,
    LLM_CONTINUATION: continuation,
    // Half of the calls fail here: that this trips the fallback is looked at elsewhere.
    CHAT_RUNTIME_ERROR_RATE_THRESHOLD: '1'
  })
  const others = chatBeside(api, base)
  try {
    await base.simulator.reset()
    await base.simulator.control({ firstTokenMs: 0, gapMs: 0 })
    const whole = await chatAbout(api, base, 'whole', continuation)
    const step = quick ? Math.ceil(length / QUICK_POSITIONS) : 1
    const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
    const records: ChatRecord[] = [whole]
    const problems: string[] = []
    for (let at = 0; at < length; at += step) {
      const record = await chatAbout(api, base, `cut ${at}`, continuation)
      records.push(record)
      if (record.problem !== '') problems.push(`at ${at}: ${record.problem}`)
      // A good call now and then keeps the instance from being ejected for five hard failures in a row.
      if (at % (3 * step) === 0) records.push(await chatAbout(api, base, 'whole', continuation))
    }
    const besides = await others.stop()
    for (const problem of problems.slice(0, 5)) report(problem)
    const cuts = Math.ceil(length / step)
    const failed = records.filter((record) => record.problem !== '').length
    const fellBack = records.filter((record) => record.fellBack || record.mode === 'direct_llm').length
    const findings = await incident.check({
      client: [
        { what: 'chats without a whole, unmixed answer', found: failed, expected: 0 },
        { what: 'chats beside that failed', found: besides.failed, expected: 0 }
      ],
      metric: [
        { series: 'chat_request_total{outcome="error"}', increasedBy: 0 },
        { series: 'chat_fallback_executions_total', increasedBy: fellBack },
        { series: 'chat_runtime_fallback_enabled', is: 0 }
      ],
      log: [
        { message: FALLBACK_ENABLED, times: 0 },
        { message: DIRECT_FAILED, times: 0 }
      ],
      database: [
        {
          what: 'stored answers that nobody gave',
          query: `select count(*) from messages where created_at >= $1 and role = 'assistant'
            and not (status = 'complete' and content in ('${RUNTIME_TEXT}', '${MODEL_TEXT}', '${BESIDE_TEXT}'))`,
          is: 0
        },
        {
          what: 'executions that run on',
          query: "select count(*) from executions where created_at >= $1 and status = 'running'",
          is: 0
        }
      ]
    })
    return figure(
      {
        fault: `runtime’s answer cut at every byte, ${continuation === 'none' ? 'retracted' : 'continued by prefix'}`,
        asked: 'each answer whole and unmixed',
        measured: `${failed} of ${cuts} positions of ${length} failed, ${fellBack} answered by direct_llm, ${records.filter((record) => record.retracted).length} after taking text back`
      },
      failed === 0,
      findings
    )
  } finally {
    await others.stop()
    await api.stop()
    runtime.stop()
  }
}

function chatAbout(api: Service, base: Base, what: string, continuation: 'none' | 'prefix'): Promise<ChatRecord> {
  const message: LoadMessage = {
    content: `${what} [[sim:say=${MODEL_TEXT}]]`,
    answer: MODEL_TEXT,
    varies: false,
    ...(continuation === 'none' ? { alternative: RUNTIME_TEXT } : {})
  }
  const { apiKey } = base.runtimeOrg
  return runChat({ api: new URL(api.url), apiKey, message, timeoutMs: 15_000, idle: [] })
}

const BESIDE_TEXT = 'Beside.'

/** Other people's chats, without the runtime, one after the other on each connection. */
function chatBeside(api: Service, base: Base) {
  const pool = new Pool(api.url, { connections: OTHERS })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${base.directOrg.apiKey}` }
  const body = JSON.stringify({ message: `[[sim:say=${BESIDE_TEXT}]]`, stream: false })
  let isOver = false
  let failed = 0
  const worker = async () => {
    while (!isOver) {
      const answer = await pool.request({ path: '/api/v1/chat', method: 'POST', headers, body })
      const text = await answer.body.text()
      if (answer.statusCode !== 200 || !text.includes(BESIDE_TEXT)) failed++
    }
  }
  const workers = Promise.all(Array.from({ length: OTHERS }, worker))
  return {
    async stop() {
      isOver = true
      await workers
      await pool.close().catch(() => {})
      return { failed }
    }
  }
}
