import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { type ChatExecutor, ExecutionError } from '../../src/adapters/chat-executor.ts'
import { startExecution } from '../../src/chat/run-execution.ts'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { worker } from '../helpers/run-adapter.ts'
import { clientOf } from '../helpers/start-pair.ts'

t.test('a chat that the model is taking over is ended, for nobody else goes on with it', async (t) => {
  const { app } = await buildTestApp(t)
  const broken: ChatExecutor = {
    mode: 'runtime_orchestrator',
    execute: async (_, { accepted }) => {
      accepted()
      throw new ExecutionError('RUNTIME_INTERNAL', 'runtime', 'broken')
    }
  }
  let asked = false
  const model: ChatExecutor = {
    mode: 'direct_llm',
    execute: async (_, { signal }) => {
      asked = true
      await delay(60_000, undefined, { signal }).catch(() => {})
      throw signal.reason
    }
  }
  const services = { ...app.chat, executors: { runtime_orchestrator: broken, direct_llm: model } }
  const abilities = { canRetract: true, wholeAnswer: false }
  const decision = { mode: 'runtime_orchestrator', rule: 'org_enabled' } as const
  const { events, leave, done } = startExecution(services, worker, decision, abilities)
  await waitFor(() => asked, { what: 'the call of the model' })
  leave()
  await done
  t.match(events.read(events.lastSeq - 1, () => {}).next(), {
    type: 'execution.failed',
    error: { code: 'SHUTTING_DOWN', retryable: true }
  })
})

for (const [answer, end] of [
  ['Hello', 'execution.completed'],
  ['Another', 'execution.failed']
] as const) {
  t.test(`an answer that another process has stored as "${answer}" is told as ${end}`, async (t) => {
    const { app, createOrganization } = await buildTestApp(t)
    const org = await createOrganization('acme')
    // As a process that adopted the execution while this one was paused.
    const { turns } = app.chat
    const finish = turns.finish
    turns.finish = async (turn) => {
      await finish({ ...turn, content: answer })
      return await finish(turn)
    }
    app.chat.executors.direct_llm.execute = async ({ messageId }, { accepted, emit }) => {
      accepted()
      emit({ type: 'message.started', messageId })
      emit({ type: 'message.completed', messageId, content: 'Hello', finishReason: 'stop' })
      return { finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }
    }
    const client = clientOf(await app.listen({ host: '127.0.0.1', port: 0 }))
    const stream = await client.stream(org, { message: 'Hi' })
    t.equal((await stream.ended).at(-1)?.type, end)
  })
}
