import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { type ChatExecutor, ExecutionError } from '../../src/adapters/chat-executor.ts'
import { startExecution } from '../../src/chat/run-execution.ts'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { worker } from '../helpers/run-adapter.ts'

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
