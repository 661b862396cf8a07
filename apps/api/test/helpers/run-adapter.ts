import { createFallbackBreaker } from '@semibot/breaker'
import type { ChatEventBody } from '@semibot/chat-protocol'
import type { Test } from 'tap'
import { Agent } from 'undici'
import type { ChatExecution } from '../../src/adapters/chat-executor.ts'
import { createRuntimeAdapter } from '../../src/adapters/runtime.adapter.ts'
import { type RuntimeCall, startFakeRuntime } from './fake-runtime.ts'

/** A chat with an agent that has no tools. */
export const execution: ChatExecution = {
  executionId: '0192a0de-0000-7000-8000-000000000001',
  orgId: '0192a0de-0000-7000-8000-000000000002',
  sessionId: '0192a0de-0000-7000-8000-000000000003',
  userId: null,
  messageId: '0192a0de-0000-7000-8000-000000000004',
  message: 'Hello',
  history: [{ role: 'user', content: 'before' }],
  agent: { id: 'a', slug: 'default', systemPrompt: '', model: 'simulator', tools: [] },
  requestId: 'request-1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
}

/** The same with tools. */
export const worker: ChatExecution = { ...execution, agent: { ...execution.agent, tools: ['calculator'] } }

/** Runs one execution against a runtime that behaves as given; answers how it ended and what was emitted. */
export async function run(
  t: Test,
  behave: (call: RuntimeCall) => void,
  options: {
    url?: string
    signal?: AbortSignal
    timeouts?: { acceptMs: number; stallMs: number }
    execution?: ChatExecution
  } = {}
) {
  const runtime = await startFakeRuntime(t, behave)
  const dispatcher = new Agent({ connections: null, connect: { timeout: 500 } })
  t.teardown(() => dispatcher.destroy())
  const breaker = createFallbackBreaker({
    instances: [options.url ?? runtime.url],
    thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 },
    probe: async () => {}
  })
  t.teardown(() => breaker.close())
  const pass = breaker.admit(execution.sessionId)
  if (!pass.allowed) throw new Error('a new breaker lets chats through')
  /** Executions whose run was ended in the journal. */
  const endedRuns: string[] = []
  const adapter = createRuntimeAdapter({
    dispatcher,
    breaker,
    serviceToken: 'service-token',
    endInJournal: async ({ executionId }) => void endedRuns.push(executionId),
    timeouts: options.timeouts ?? { acceptMs: 5000, stallMs: 5000 }
  })
  const events: ChatEventBody[] = []
  let accepted = 0
  const end = adapter
    .execute(options.execution ?? execution, {
      signal: options.signal ?? new AbortController().signal,
      emit: (event) => events.push(event),
      accepted: () => accepted++,
      flow: { congested: false, onDrained: (callback) => callback() },
      attempt: 1,
      pass,
      startedAt: performance.now(),
      remainingMs: 4200,
      wholeAnswer: false
    })
    .then(
      (outcome) => ({ outcome, error: undefined }),
      (error: unknown) => ({ outcome: undefined, error })
    )
  return { runtime, events, endedRuns, end, accepted: () => accepted }
}
