import { openIncident, waitFor } from '@semibot/stack'
import { type Figure, figure, type Scenario } from '../figure.ts'
import { answerParts, type RuntimeCall, startFakeRuntime } from './fake-runtime.ts'
import { FALLBACK_DISABLED, FALLBACK_ENABLED } from './log-lines.ts'
import { chatWith, fastMessage } from './no-fallback.ts'

/** A comment as one chunk: it keeps a call from looking stalled. */
const HEARTBEAT = 'd\r\n: heartbeat\n\n\r\n'

/** Calls that began before the fallback end well after it. */
export const lateSuccessScenario: Scenario = {
  name: 'late',
  about: 'late successes of old calls, after the fallback',
  async run(context): Promise<Figure[]> {
    const { base } = context
    const old = 20
    const message = await fastMessage(base)
    const runtime = await startFakeRuntime(message.answer)
    const api = await base.startApi({ RUNTIME_SERVICE_URL: runtime.url })
    try {
      const incident = await openIncident({ apis: [api.url], log: api.log, databaseUrl: base.databaseUrl })
      const held: RuntimeCall[] = []
      runtime.behave = (call) => {
        const { head, events } = answerParts(call.body, message.answer)
        call.socket.write(Buffer.concat([head, ...events.slice(0, 3)]))
        held.push(call)
      }
      const oldChats = Array.from({ length: old }, () => chatWith(api, base, message))
      await waitFor(() => held.length === old, { what: 'the old calls to begin' })
      const beats = setInterval(() => {
        for (const { socket } of held) socket.write(HEARTBEAT)
      }, 500)
      runtime.behave = ({ response }) => void response.writeHead(500).end('{}')
      const newChats = await Promise.all(Array.from({ length: 12 }, () => chatWith(api, base, message)))
      await waitFor(() => api.log.times(FALLBACK_ENABLED)[0], { what: 'the fallback' })

      clearInterval(beats)
      for (const { body, socket } of held) {
        const { events, end } = answerParts(body, message.answer)
        socket.write(Buffer.concat([...events.slice(3), end]))
      }
      const answered = await Promise.all(oldChats)
      const after = await chatWith(api, base, message)
      const failed = [...answered, ...newChats, after].filter((record) => record.problem !== '').length
      const still = answered.filter((record) => !record.fellBack && record.problem === '').length
      const findings = await incident.check({
        client: [
          { what: 'chats without an answer', found: failed, expected: 0 },
          { what: 'old chats that the runtime finished', found: still, expected: old },
          { what: 'mode of the next chat', found: after.mode, expected: 'direct_llm' }
        ],
        metric: [
          { series: 'chat_runtime_fallback_enabled', is: 1 },
          { series: 'chat_runtime_fallback_transitions_total', increasedBy: 1 },
          { series: 'chat_execution_success_total{mode="runtime_orchestrator"}', increasedBy: old }
        ],
        log: [
          { message: FALLBACK_ENABLED, times: 1 },
          { message: FALLBACK_DISABLED, times: 0 }
        ],
        database: [
          {
            what: 'changes in the history',
            query: 'select count(*) from fallback_events where created_at >= $1',
            is: 1
          },
          {
            what: 'executions that the runtime completed',
            query: `select count(*) from executions where created_at >= $1 and status = 'completed' and mode = 'runtime_orchestrator'`,
            is: old
          }
        ]
      })
      return [
        figure(
          {
            fault: `${old} late successes of calls from before the fallback`,
            asked: 'answers reach their clients, the state stays as it is',
            measured: `${still} answered by the runtime, fallback stays, next chat by ${after.mode}`
          },
          failed === 0,
          findings
        )
      ]
    } finally {
      await api.stop()
      runtime.stop()
    }
  }
}
