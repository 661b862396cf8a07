import { openIncident } from '@semibot/stack'
import { type Figure, type FigureContext, figure, type Scenario } from '../figure.ts'
import { runChat } from '../load/chat-stream.ts'
import { chatFailedWith, DIRECT_FAILED } from './log-lines.ts'

/** The very first chat of an api process meets a runtime that is not there. */
export const firstChatScenario: Scenario = {
  name: 'first',
  about: 'first chat ever with the runtime down',
  async run(context) {
    return [await firstChat(context, 'down'), await firstChat(context, 'hung')]
  }
}

async function firstChat({ base }: FigureContext, how: 'down' | 'hung'): Promise<Figure> {
  const runtime = await base.startRuntime()
  if (how === 'down') await runtime.stop()
  const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
  try {
    await base.simulator.reset()
    const message = await base.simulator.message('Is anybody there?', 10)
    const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
    if (how === 'hung') runtime.kill('SIGSTOP')
    const { apiKey } = base.runtimeOrg
    const chat = await runChat({ api: new URL(api.url), apiKey, message, timeoutMs: 10_000, idle: [] })
    const findings = await incident.check({
      client: [
        { what: 'what is wrong with the answer', found: chat.problem || 'nothing', expected: 'nothing' },
        { what: 'mode that answered', found: chat.mode, expected: 'direct_llm' }
      ],
      metric: [
        { series: 'chat_request_total{outcome="success"}', increasedBy: 1 },
        { series: 'chat_fallback_executions_total{reason="RUNTIME_UNAVAILABLE"}', increasedBy: 1 },
        { series: 'chat_execution_error_total{mode="runtime_orchestrator"}', increasedBy: 1 }
      ],
      log: [
        { message: chatFailedWith('RUNTIME_UNAVAILABLE'), times: 1 },
        { message: DIRECT_FAILED, times: 0 }
      ],
      database: [
        {
          what: 'executions that direct_llm completed at the second attempt',
          query: `select count(*) from executions where created_at >= $1 and status = 'completed' and mode = 'direct_llm'
            and attempts = 2 and fallback_reason = 'RUNTIME_UNAVAILABLE'`,
          is: 1
        }
      ]
    })
    const ms = (chat.endedAt - chat.sentAt).toFixed(0)
    return figure(
      {
        fault: `first chat ever with the runtime ${how}`,
        asked: 'answered by direct_llm',
        measured: `${chat.problem || `answered by ${chat.mode}`} after ${ms} ms`
      },
      chat.problem === '' && chat.mode === 'direct_llm',
      findings
    )
  } finally {
    await api.stop()
    await runtime.stop()
  }
}
