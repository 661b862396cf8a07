import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { createOpenAiCompatibleProvider, LlmError } from '../../src/index.ts'
import { MAX_RETRY_DELAY_MS, retryDelayMs, withOneRetry } from '../../src/retry.ts'
import { ask, failure, streamAll } from '../fixtures/calls.ts'
import { finish, oddServer, sendEvents, text } from '../fixtures/odd-server.ts'

const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const provider = createOpenAiCompatibleProvider({ baseUrl: simulator.baseUrl })
t.teardown(() => provider.close())
t.beforeEach(() => simulator.reset())

const signal = new AbortController().signal

t.test('a failure that passes is retried once, for both kinds of calls', async (t) => {
  const faults = [
    { kind: 'status', status: 429, retryAfter: 0 },
    { kind: 'status', status: 500 },
    { kind: 'status', status: 503, retryAfter: 0 },
    { kind: 'status', status: 409 },
    { kind: 'status', status: 408 },
    { kind: 'cut', after: 0 },
    { kind: 'reset', after: 0 }
  ]
  for (const fault of faults) {
    for (const call of [() => streamAll(provider, ask('hi')), () => provider.complete(ask('hi'), { signal })]) {
      await simulator.control({ faults: [{ ...fault, times: 1 }] })
      const before = (await simulator.stats()).started!
      t.match((await call()).text, /You said: "hi"/, JSON.stringify(fault))
      t.equal((await simulator.stats()).started! - before, 2)
    }
  }
})

t.test('a second failure is the answer', async (t) => {
  await simulator.control({ faults: [{ kind: 'status', status: 503 }] })
  t.match(await failure(streamAll(provider, ask('hi'))), { code: 'LLM_UNAVAILABLE', status: 503 })
  t.equal((await simulator.stats()).started, 2)
})

t.test('what will not pass, and what was begun, is not retried', async (t) => {
  for (const fault of [
    { kind: 'status', status: 400 },
    { kind: 'status', status: 401 },
    { kind: 'status', status: 429, retryAfter: 60 },
    { kind: 'cut', after: 1 },
    { kind: 'error', after: 0 },
    { kind: 'garbage', after: 0 }
  ]) {
    await simulator.reset()
    await simulator.control({ faults: [fault] })
    const error = (await failure(streamAll(provider, ask('[[sim:gap=5]] hi')))) as LlmError
    t.ok(error instanceof LlmError)
    t.equal((await simulator.stats()).started, 1, JSON.stringify(fault))
  }
})

t.test('a provider that asks for a longer wait is told to the caller', async (t) => {
  await simulator.control({ faults: [{ kind: 'status', status: 429, retryAfter: 60 }] })
  t.match(await failure(streamAll(provider, ask('hi'))), {
    code: 'LLM_RATE_LIMITED',
    status: 429,
    retryAfterMs: 60_000
  })
})

t.test('a server that is not there is unavailable, and its address is not told', async (t) => {
  const server = await oddServer(t, () => {})
  await server.stop()
  const gone = createOpenAiCompatibleProvider({ baseUrl: server.baseUrl })
  t.teardown(() => gone.close())
  const error = (await failure(streamAll(gone, ask('hi')))) as LlmError
  t.match(error, { code: 'LLM_UNAVAILABLE', message: 'The model provider cannot be reached (ECONNREFUSED).' })
  t.notMatch(error.message, /127\.0\.0\.1/)
})

t.test('a kept connection that the server has closed costs no answer', async (t) => {
  const server = await oddServer(t, (response, number) => {
    if (number === 2) {
      response.socket?.destroy()
      return
    }
    sendEvents(response, [text('ok'), finish(), '[DONE]'])
    response.end()
  })
  const other = createOpenAiCompatibleProvider({ baseUrl: server.baseUrl })
  t.teardown(() => other.close())
  t.equal((await streamAll(other, ask('hi'))).text, 'ok')
  t.equal((await streamAll(other, ask('hi'))).text, 'ok')
  t.equal(server.requests.length, 3)
})

t.test('an abort while waiting for the second attempt rejects at once', async (t) => {
  await simulator.control({ faults: [{ kind: 'status', status: 503, retryAfter: 2 }] })
  const controller = new AbortController()
  const begun = performance.now()
  const call = failure(streamAll(provider, ask('hi'), { signal: controller.signal }))
  await waitFor(async () => (await simulator.stats()).faulted === 1, { what: 'the first answer' })
  controller.abort(new Error('stop'))
  t.match(await call, { message: 'stop' })
  t.ok(performance.now() - begun < 1500)
  t.equal((await simulator.stats()).started, 1)
})

t.test('the wait is what was asked for within bounds, else spread out', async (t) => {
  const error = (retryAfterMs?: number) =>
    new LlmError('LLM_UNAVAILABLE', 'x', retryAfterMs === undefined ? {} : { retryAfterMs })
  t.equal(retryDelayMs(error(0)), 0)
  t.equal(retryDelayMs(error(MAX_RETRY_DELAY_MS)), MAX_RETRY_DELAY_MS)
  t.equal(retryDelayMs(error(MAX_RETRY_DELAY_MS + 1)), undefined)
  t.equal(
    retryDelayMs(error(), () => 0),
    100
  )
  t.equal(
    retryDelayMs(error(), () => 1),
    300
  )
})

t.test('an abort between the two attempts is seen, whenever it came', async (t) => {
  const controller = new AbortController()
  let attempts = 0
  const call = withOneRetry(
    async () => {
      attempts++
      controller.abort('stop')
      throw new LlmError('LLM_UNAVAILABLE', 'x')
    },
    () => true,
    controller.signal
  )
  t.equal(await failure(call), 'stop')
  t.equal(attempts, 1)
})

t.test('an error that is none of the provider is never retried', async (t) => {
  let attempts = 0
  const thrown = new TypeError('ours')
  const call = withOneRetry(
    async () => {
      attempts++
      throw thrown
    },
    () => true,
    signal
  )
  t.equal(await failure(call), thrown)
  t.equal(attempts, 1)
})
