import { sseComment } from '@semibot/chat-protocol'
import t, { type Test } from 'tap'
import { RuntimeInterrupted } from '../../src/adapters/runtime-errors.ts'
import type { RuntimeCall } from '../helpers/fake-runtime.ts'
import { run } from '../helpers/run-adapter.ts'

// The silent streams take their second all at once.
t.jobs = 8

/** A runtime that keeps its stream open after the last event. */
function held(t: Test, behave: (call: RuntimeCall) => void, signal = new AbortController().signal) {
  const keepOpen = (call: RuntimeCall) => {
    call.response.end = () => call.response
    call.begin()
    behave(call)
  }
  return run(t, keepOpen, { signal, timeouts: { acceptMs: 5000, stallMs: 300 } })
}

t.test('a complete answer stays one when the runtime is silent and does not end its stream', async (t) => {
  const { end, events, runtime } = await held(t, (call) => call.finish('Hi'))
  t.match((await end).outcome, { finishReason: 'stop' })
  t.match(events.at(-1), { type: 'message.completed', content: 'Hi' })
  await runtime.calls[0]?.closed
  t.pass('the runtime saw its call end')
})

t.test('heartbeats after the answer do not hold it until the deadline', async (t) => {
  const startedAt = performance.now()
  const { end } = await held(t, (call) => {
    call.finish('Hi')
    const beat = setInterval(() => call.response.write(sseComment('heartbeat')), 50)
    void call.closed.then(() => clearInterval(beat))
  })
  t.match((await end).outcome, { finishReason: 'stop' })
  const tookMs = performance.now() - startedAt
  t.ok(tookMs < 3500, `${Math.round(tookMs)} ms`)
})

t.test('nor does anything else that comes after the answer count', async (t) => {
  const { end, events } = await held(t, (call) => {
    call.finish('Hi')
    call.send({ type: 'message.delta', messageId: call.body.messageId, delta: 'more' })
    call.response.write('data: {"type":\n\n')
  })
  t.match((await end).outcome, { finishReason: 'stop' })
  t.match(events.at(-1), { type: 'message.completed' })
})

t.test('a failure that the runtime told of stays that one', async (t) => {
  const error = { code: 'LLM_RATE_LIMITED', message: 'slow down', retryable: true, origin: 'llm' } as const
  const { end } = await held(t, (call) => call.send({ type: 'execution.failed', error }))
  t.match((await end).error, { code: 'LLM_RATE_LIMITED', origin: 'llm' })
})

t.test('so does its word that it goes away, although its connection breaks', async (t) => {
  const { end } = await held(t, (call) => {
    call.send({ type: 'execution.interrupted', reason: 'draining' })
    setTimeout(() => call.response.destroy(), 50)
  })
  t.type((await end).error, RuntimeInterrupted)
})

t.test('who calls the chat off need not wait for the end of the stream', async (t) => {
  const abort = new AbortController()
  const { end } = await held(
    t,
    (call) => {
      call.finish('Hi')
      setTimeout(() => abort.abort(new Error('cancelled by the test')), 50)
    },
    abort.signal
  )
  t.match((await end).error, { message: 'cancelled by the test' })
})
