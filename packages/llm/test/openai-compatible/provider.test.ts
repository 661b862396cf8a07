import { getEventListeners } from 'node:events'
import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { createOpenAiCompatibleProvider, LlmError } from '../../src/index.ts'
import { ask, failure, keep, streamAll } from '../fixtures/calls.ts'

const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
const provider = createOpenAiCompatibleProvider({ baseUrl: simulator.baseUrl, apiKey: 'test-key-1234' })
t.teardown(() => provider.close())
t.beforeEach(() => simulator.reset())

t.test('stream hands out the text piece by piece and ends with finish reason and usage', async (t) => {
  for (const question of ['Hello there', '你好，世界 😀']) {
    const answer = await streamAll(provider, ask(question))
    t.match(answer.text, question)
    t.ok(answer.texts.length > 5)
    t.notOk(answer.texts.includes(''), 'never an empty piece')
    t.match(answer, { finishReason: 'stop', usageEstimated: false })
    t.equal(answer.usage.outputTokens, answer.texts.length)
    t.equal(answer.usage.totalTokens, answer.usage.inputTokens + answer.usage.outputTokens)
  }
})

t.test('complete gives the same answer in one piece', async (t) => {
  const { signal } = new AbortController()
  const whole = await provider.complete(ask('Hello there'), { signal })
  const streamed = await streamAll(provider, ask('Hello there'))
  t.equal(whole.text, streamed.text)
  t.same(whole.usage, streamed.usage)
  t.match(whole, { finishReason: 'stop', usageEstimated: false })
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('finish reasons and reasoning come through', async (t) => {
  t.equal((await streamAll(provider, ask('hi', { maxTokens: 2 }))).finishReason, 'length')
  t.equal((await streamAll(provider, ask('[[sim:finish=content_filter]] hi'))).finishReason, 'content_filter')
  const answer = await streamAll(provider, ask('[[sim:reasoning]] hi'))
  t.equal(answer.reasoning.join(''), 'Let me think about that.')
  t.ok(answer.usage.reasoningTokens! > 0)
  const { sink, text } = keep()
  const withoutReasoning = { onText: sink.onText }
  await provider.stream(ask('[[sim:reasoning]] hi'), withoutReasoning, { signal: new AbortController().signal })
  t.match(text(), /You said/)
})

t.test('history arrives as it was given', async (t) => {
  const messages = [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'My name is Ada.' },
    { role: 'assistant', content: 'Hello Ada.' },
    { role: 'user', content: 'What is my name?' }
  ] as const
  const answer = await streamAll(provider, { model: 'simulator', messages: [...messages] })
  t.equal(answer.text, 'Your name is Ada.')
})

t.test('continueFrom continues a text exactly where it stops', async (t) => {
  const { text: whole } = await streamAll(provider, ask('Tell me more'))
  for (const length of [1, 10, 33, whole.length - 1]) {
    const continueFrom = whole.slice(0, length)
    const { text: rest } = await streamAll(provider, ask('Tell me more', { continueFrom }))
    t.equal(continueFrom + rest, whole)
    const { text: atOnce } = await provider.complete(ask('Tell me more', { continueFrom }), {
      signal: new AbortController().signal
    })
    t.equal(continueFrom + atOnce, whole)
  }
})

t.test('usage is estimated, and says so, when the server counts nothing', async (t) => {
  await simulator.control({ usage: false })
  const answer = await streamAll(provider, ask('Hello there, how are you?'))
  t.equal(answer.usageEstimated, true)
  t.ok(answer.usage.inputTokens >= 6 && answer.usage.inputTokens < 30, String(answer.usage.inputTokens))
  t.ok(answer.usage.outputTokens >= answer.texts.length)
  const whole = await provider.complete(ask('Hello'), { signal: new AbortController().signal })
  t.equal(whole.usageEstimated, true)
  t.ok(whole.usage.outputTokens > 0)
})

t.test('each fault of the simulator is one error code', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['429 retry-after=60', 'LLM_RATE_LIMITED', /limiting the rate/],
    ['500', 'LLM_UNAVAILABLE', /not available \(500\)/],
    ['503', 'LLM_UNAVAILABLE', /\(503\)/],
    ['408', 'LLM_UNAVAILABLE', /\(408\)/],
    ['400', 'LLM_REJECTED', /rejected the request \(400\): Simulated/],
    ['401', 'LLM_REJECTED', /operator must check LLM_API_KEY/],
    ['403', 'LLM_REJECTED', /operator must check LLM_API_KEY/],
    ['404', 'LLM_REJECTED', /LLM_MODEL and LLM_BASE_URL/],
    ['422', 'LLM_REJECTED', /\(422\)/],
    ['html', 'LLM_UNAVAILABLE', /text\/html|not JSON/],
    ['cut=3', 'LLM_UNAVAILABLE', /broke/],
    ['reset=3', 'LLM_UNAVAILABLE', /broke/],
    ['end=3', 'LLM_UNAVAILABLE', /broke off before its end|not JSON/],
    ['error=3', 'LLM_UNAVAILABLE', /reported an error/],
    ['garbage=3', 'LLM_UNAVAILABLE', /not JSON/]
  ]
  for (const [directive, code, message] of cases) {
    const request = ask(`[[sim:${directive}]] hi`)
    const { signal } = new AbortController()
    for (const call of [() => streamAll(provider, request), () => provider.complete(request, { signal })]) {
      const error = (await failure(call())) as LlmError
      t.ok(error instanceof LlmError, directive)
      t.match(error, { code, message }, directive)
    }
  }
})

t.test('a broken answer is never success, wherever it breaks', async (t) => {
  const { texts } = await streamAll(provider, ask('hi there'))
  for (let after = 0; after < texts.length; after++) {
    for (const kind of ['cut', 'end']) {
      const kept = keep()
      const call = provider.stream(ask(`[[sim:${kind}=${after}]] hi there`), kept.sink, {
        signal: new AbortController().signal
      })
      t.match(await failure(call), { code: 'LLM_UNAVAILABLE' })
      t.ok(texts.join('').startsWith(kept.text()), 'what was handed out is the beginning of the answer')
    }
  }
})

t.test('an abort rejects with its reason and closes the model call within 200 ms', async (t) => {
  const cases = ['[[sim:hang]] hi', '[[sim:length=2000 gap=10]] hi', '[[sim:delay=60000]] hi']
  for (const question of cases) {
    for (const start of [
      (signal: AbortSignal) => provider.stream(ask(question), keep().sink, { signal }),
      (signal: AbortSignal) => provider.complete(ask(question), { signal })
    ]) {
      const controller = new AbortController()
      const reason = new Error('the user pressed stop')
      const call = failure(start(controller.signal))
      await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the call to arrive' })
      const begun = performance.now()
      controller.abort(reason)
      t.equal(await call, reason)
      await waitFor(async () => (await simulator.stats()).open === 0, { what: 'the call to end', intervalMs: 5 })
      t.ok(performance.now() - begun < 200)
      t.equal(getEventListeners(controller.signal, 'abort').length, 0)
    }
  }
  const { started } = await simulator.stats()
  const aborted = AbortSignal.abort(new Error('before'))
  t.match(await failure(streamAll(provider, ask('hi'), { signal: aborted })), { message: 'before' })
  t.equal((await simulator.stats()).started, started, 'nothing was sent')
})

t.test('silence ends a call: before the first byte, and between two', async (t) => {
  const first = await failure(streamAll(provider, ask('[[sim:hang]] hi'), { firstByteTimeoutMs: 50 }))
  t.match(first, { code: 'LLM_UNAVAILABLE', message: 'The model provider did not answer within 50 ms.' })
  const kept = keep()
  const later = provider.stream(ask('[[sim:stall=3]] hi'), kept.sink, {
    signal: new AbortController().signal,
    idleTimeoutMs: 50
  })
  t.match(await failure(later), { code: 'LLM_UNAVAILABLE', message: /nothing for 50 ms/ })
  t.equal(kept.texts.length, 3)
  const whole = provider.complete(ask('[[sim:hang]] hi'), {
    signal: new AbortController().signal,
    firstByteTimeoutMs: 50
  })
  t.match(await failure(whole), { code: 'LLM_UNAVAILABLE', message: /within 50 ms/ })
  t.match(await simulator.stats(), { started: 3 }, 'a call that ran out of time is not sent again')

  const slow = await streamAll(provider, ask('[[sim:length=6 gap=30]] hi'), { idleTimeoutMs: 100 })
  t.equal(slow.texts.length, 6, 'a slow answer is no silent one')
})

t.test('a consumer that holds the stream back is not taken for a silent provider', async (t) => {
  const waiting: (() => void)[] = []
  const flow = { congested: false, onDrained: (callback: () => void) => waiting.push(callback) }
  const idleTimeoutMs = 100
  let pieces = 0
  const call = provider.stream(
    ask('[[sim:length=60000]] hi'),
    {
      onText: () => {
        pieces++
        if (pieces === 5) flow.congested = true
      }
    },
    { signal: new AbortController().signal, flow, idleTimeoutMs }
  )
  await waitFor(() => waiting.length === 1, { what: 'the provider to ask for the drain' })
  const heldBack = performance.now()
  await waitFor(() => performance.now() - heldBack > 3 * idleTimeoutMs, { what: 'more than the idle time' })
  t.ok(pieces < 60_000, `${pieces} pieces`)
  flow.congested = false
  for (const callback of waiting) callback()
  t.equal((await call).finishReason, 'stop')
  t.equal(pieces, 60_000)
})

t.test('many calls at once do not wait for each other', async (t) => {
  const controller = new AbortController()
  const { signal } = controller
  const calls = Array.from({ length: 200 }, () => failure(streamAll(provider, ask('[[sim:hang]] hi'), { signal })))
  await waitFor(async () => (await simulator.stats()).open === 200, { what: '200 open calls' })
  controller.abort('enough')
  t.same(new Set(await Promise.all(calls)), new Set(['enough']))
  await waitFor(async () => (await simulator.stats()).open === 0, { what: 'all calls to end' })
})

t.test('close ends what is under way and refuses what comes later', async (t) => {
  const other = createOpenAiCompatibleProvider({ baseUrl: simulator.baseUrl })
  const call = failure(streamAll(other, ask('[[sim:hang]] hi')))
  await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the call to arrive' })
  await other.close()
  t.match(await call, { code: 'LLM_UNAVAILABLE', message: /closed/ })
  t.match(await failure(streamAll(other, ask('hi'))), { code: 'LLM_UNAVAILABLE', message: /closed/ })
  await waitFor(async () => (await simulator.stats()).open === 0, { what: 'the call to end' })
})
