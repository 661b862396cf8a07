import { type Clock, createFallbackBreaker } from '@semibot/breaker'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { Agent } from 'undici'
import { resumeAdopted } from '../../src/adapters/adopted-call.ts'
import { newId } from '../../src/new-id.ts'
import { startFakeRuntime } from '../helpers/fake-runtime.ts'
import { worker } from '../helpers/run-adapter.ts'

/** A minute of the breaker takes a second. */
const SPEED = 60
const clock: Clock = {
  now: () => performance.now() * SPEED,
  wallNow: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms / SPEED),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout)
}

t.test('an adopted run waits for the breaker to close, and for nothing more', async (t) => {
  const runtime = await startFakeRuntime(t, (call) => {
    call.begin()
    call.finish('Done.')
  })
  const breaker = createFallbackBreaker({
    instances: [runtime.url],
    thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 },
    probe: async () => {},
    clock
  })
  t.teardown(() => breaker.close())
  const dispatcher = new Agent({ connections: null })
  t.teardown(() => dispatcher.destroy())
  const timeouts = { acceptMs: 5000, stallMs: 5000 }
  const resume = (sessionId: string) =>
    resumeAdopted(
      { breaker, dispatcher, serviceToken: 'service-token', timeouts },
      { ...worker, sessionId },
      { signal: new AbortController().signal, remainingMs: 4200 }
    )

  const pass = breaker.admit('any')
  if (!pass.allowed) throw new Error('a new breaker lets chats through')
  for (let call = 0; call < 5; call++) breaker.report(pass, runtime.url, 'hard_error', { latencyMs: 1 })
  t.equal(breaker.status().state, 'open')
  t.equal(await resume(newId()), undefined)
  await waitFor(() => breaker.status().state === 'half_open', { what: 'trials', intervalMs: 1 })
  t.equal(await resume(newId()), undefined)
  t.equal(runtime.calls.length, 0, 'nothing is called that the breaker keeps away')

  await waitFor(() => breaker.status().state === 'closed', { what: 'the recovery', intervalMs: 1 })
  const refused = Array.from({ length: 200 }, newId).filter((session) => !breaker.peek(session).allowed)
  t.ok(refused.length > 50, 'new chats wait for their share')
  for (const session of refused.slice(0, 3)) t.match(await resume(session), { finishReason: 'stop' })
  const sent = runtime.calls.map(({ headers }) => [headers['x-semibot-resume'], headers['x-request-timeout-ms']])
  t.strictSame(sent, Array(3).fill(['1', '4200']))
  t.equal(breaker.status().window.samples, 0, 'what nobody reads is no evidence')
})
