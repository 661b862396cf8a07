import { getEventListeners } from 'node:events'
import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { type AiSdkProviderName, createAiSdkProvider, createLanguageModel } from '../../src/ai-sdk/index.ts'
import { createOpenAiCompatibleProvider, LlmError } from '../../src/index.ts'
import { ask, failure, keep, streamAll } from '../fixtures/calls.ts'
import { finish, oddServer, sendEvents, text } from '../fixtures/odd-server.ts'

const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
t.beforeEach(() => simulator.reset())
const signal = new AbortController().signal
const connect = (provider: AiSdkProviderName) =>
  createAiSdkProvider({ provider, baseUrl: simulator.baseUrl, apiKey: 'test-key-1234' })

for (const name of ['openai-compatible', 'openai'] as const) {
  const provider = connect(name)

  t.test(`${name} streams and completes like the provider of our own`, async (t) => {
    const streamed = await streamAll(provider, ask('Hello there 你好'))
    t.match(streamed.text, /Hello there 你好/)
    t.ok(streamed.texts.length > 5)
    t.match(streamed, { finishReason: 'stop', usageEstimated: false })
    t.ok(streamed.usage.inputTokens > 0)
    t.equal(streamed.usage.totalTokens, streamed.usage.inputTokens + streamed.usage.outputTokens)
    const whole = await provider.complete(ask('Hello there 你好'), { signal })
    t.equal(whole.text, streamed.text)
    t.same(whole.usage, streamed.usage)
  })

  t.test(`${name} passes on limits, history and headers`, async (t) => {
    t.match(await streamAll(provider, ask('hi', { maxTokens: 2, temperature: 0.5, endUser: 'u-1' })), {
      finishReason: 'length'
    })
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'My name is Ada.' },
      { role: 'assistant', content: 'Hello Ada.' },
      { role: 'user', content: 'What is my name?' }
    ] as const
    const headers = { traceparent: '00-1-2-01' }
    const answer = await streamAll(provider, { model: 'simulator', messages: [...messages] }, { headers })
    t.equal(answer.text, 'Your name is Ada.')
    t.match((await simulator.calls()).at(-1), { headers, messages })
    const { text: whole } = await streamAll(provider, ask('Tell me more'))
    const continueFrom = whole.slice(0, 20)
    t.equal(continueFrom + (await streamAll(provider, ask('Tell me more', { continueFrom }))).text, whole)
  })

  t.test(`${name} maps errors to the same codes`, async (t) => {
    const cases: [string, string, RegExp][] = [
      ['429 retry-after=60', 'LLM_RATE_LIMITED', /limiting the rate/],
      ['500', 'LLM_UNAVAILABLE', /\(500\)/],
      ['400', 'LLM_REJECTED', /\(400\): Simulated/],
      ['401', 'LLM_REJECTED', /LLM_API_KEY/],
      ['cut=3', 'LLM_UNAVAILABLE', /./],
      ['end=3', 'LLM_UNAVAILABLE', /./],
      ['error=3', 'LLM_UNAVAILABLE', /./],
      ['garbage=3', 'LLM_UNAVAILABLE', /./],
      ['html', 'LLM_UNAVAILABLE', /./]
    ]
    for (const [directive, code, message] of cases) {
      const request = ask(`[[sim:${directive}]] hi`)
      for (const call of [() => streamAll(provider, request), () => provider.complete(request, { signal })]) {
        const error = await failure(call())
        t.ok(error instanceof LlmError, `${directive}: ${String(error)}`)
        t.match(error, { code, message }, directive)
      }
    }
  })

  t.test(`${name} retries once, and only before the first piece`, async (t) => {
    await simulator.control({ faults: [{ kind: 'status', status: 503, times: 1 }] })
    t.match((await streamAll(provider, ask('hi'))).text, /You said/)
    t.equal((await simulator.stats()).started, 2)
    await simulator.reset()
    await failure(streamAll(provider, ask('[[sim:cut=3]] hi')))
    t.equal((await simulator.stats()).started, 1)
  })

  t.test(`${name} ends with an abort, a time limit, or a sink that throws`, async (t) => {
    const controller = new AbortController()
    const reason = new Error('stop')
    const call = failure(streamAll(provider, ask('[[sim:length=2000 gap=10]] hi'), { signal: controller.signal }))
    await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the call to arrive' })
    controller.abort(reason)
    t.equal(await call, reason)
    await waitFor(async () => (await simulator.stats()).open === 0, { what: 'the call to end' })
    t.equal(getEventListeners(controller.signal, 'abort').length, 0)

    const silent = await failure(streamAll(provider, ask('[[sim:stall=2]] hi'), { idleTimeoutMs: 50 }))
    t.match(silent, { code: 'LLM_UNAVAILABLE', message: /nothing for 50 ms/ })
    const late = provider.complete(ask('[[sim:hang]] hi'), { signal, firstByteTimeoutMs: 50 })
    t.match(await failure(late), { code: 'LLM_UNAVAILABLE', message: /within 50 ms/ })

    const thrown = new RangeError('full')
    const onText = () => {
      throw thrown
    }
    t.equal(await failure(provider.stream(ask('hi'), { onText }, { signal })), thrown)
    await waitFor(async () => (await simulator.stats()).open === 0, { what: 'all calls to end' })
  })
}

t.test('an answer is whole, or broken off, for all providers alike', async (t) => {
  const pieces = (reason: unknown) => ['a 你', '"finish_reason":""', 'c'].map((p) => text(p, { finish_reason: reason }))
  const cases: [string, (object | string)[], string | undefined][] = []
  for (const nothing of ['', 'null', null]) {
    const begun = pieces(nothing)
    const last = { ...text('', { finish_reason: nothing }), usage: { prompt_tokens: 1, completion_tokens: 1 } }
    cases.push(
      [`${nothing}, and its end`, begun, undefined],
      [`${nothing}, then a reason`, [...begun, finish('length')], 'length'],
      [`${nothing}, then a reason, then none again`, [...begun, finish('length'), last, '[DONE]'], 'length'],
      [`${nothing}, then [DONE]`, [...begun, '[DONE]'], 'other']
    )
  }
  for (const [name, events, finishReason] of cases) {
    for (const cut of [1, 7, 1000]) {
      const server = await oddServer(t, async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const lines = events.map(
          (event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event, null, 1)}`
        )
        const bytes = Buffer.from(lines.map((line) => `${line.replaceAll('\n', ' ')}\n\n`).join(''))
        for (let at = 0; at < bytes.length; at += cut) response.write(bytes.subarray(at, at + cut))
        response.end()
      })
      const connection = { baseUrl: server.baseUrl, apiKey: 'test-key-1234' }
      const providers = {
        own: createOpenAiCompatibleProvider(connection),
        openai: createAiSdkProvider({ provider: 'openai', ...connection }),
        compatible: createAiSdkProvider({ provider: 'openai-compatible', ...connection })
      }
      for (const [provider, { stream }] of Object.entries(providers)) {
        const { sink, text: got } = keep()
        const call = stream(ask('hi'), sink, { signal })
        if (finishReason === undefined)
          t.match(await failure(call), { code: 'LLM_UNAVAILABLE' }, `${provider}: ${name}`)
        else t.match(await call, { finishReason }, `${provider}: ${name}`)
        t.equal(got(), 'a 你"finish_reason":""c')
      }
    }
  }
})

t.test('a congested consumer is waited for', async (t) => {
  const provider = connect('openai-compatible')
  const waiting: (() => void)[] = []
  const flow = { congested: false, onDrained: (callback: () => void) => waiting.push(callback) }
  const { sink, texts } = keep()
  const onText = (delta: string) => {
    sink.onText(delta)
    if (texts.length === 3) flow.congested = true
  }
  const call = provider.stream(ask('[[sim:length=500]] hi'), { onText }, { signal, flow })
  await waitFor(() => waiting.length === 1, { what: 'the provider to ask for the drain' })
  t.equal(texts.length, 3)
  flow.congested = false
  waiting[0]!()
  await call
  t.equal(texts.length, 500)
})

t.test('close ends what is under way and refuses what comes later', async (t) => {
  const provider = connect('openai-compatible')
  const call = failure(streamAll(provider, ask('[[sim:hang]] hi')))
  await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the call to arrive' })
  await provider.close()
  t.match(await call, { code: 'LLM_UNAVAILABLE', message: /closed/ })
  t.match(await failure(streamAll(provider, ask('hi'))), { code: 'LLM_UNAVAILABLE', message: /closed/ })
})

t.test('anthropic is spoken to in its own format', async (t) => {
  const server = await oddServer(t, (response, _number, { body }) => {
    const usage = { input_tokens: 4, output_tokens: 2, cache_read_input_tokens: 1 }
    if (body.stream !== true) {
      const content = [{ type: 'text', text: 'Hello' }]
      const message = {
        type: 'message',
        id: 'm',
        model: 'c',
        role: 'assistant',
        content,
        stop_reason: 'end_turn',
        usage
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message))
      return
    }
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'c', content: [], stop_reason: null, usage }
    sendEvents(response, [
      { type: 'message_start', message },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'lo' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
      { type: 'message_stop' }
    ])
    response.end()
  })
  const provider = createAiSdkProvider({ provider: 'anthropic', baseUrl: server.baseUrl, apiKey: 'anthropic-key' })
  const request = ask('hi', { model: 'claude', endUser: 'u-1', continueFrom: 'Well,' })
  t.match(await streamAll(provider, request), { texts: ['Hel', 'lo'], finishReason: 'stop', usageEstimated: false })
  t.match(await provider.complete(request, { signal }), { text: 'Hello', finishReason: 'stop' })
  t.equal(server.requests[0]!.url, '/v1/messages')
  t.match(server.requests[0]!.headers, { 'x-api-key': 'anthropic-key' })
  t.match(server.requests[0]!.body, {
    model: 'claude',
    metadata: { user_id: 'u-1' },
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Well,' }] }
    ]
  })
})

t.test('a key never comes back in an error', async (t) => {
  const apiKey = 'my-very-own-key'
  const server = await oddServer(t, (response, number) => {
    if (number === 1) {
      const error = { message: `key ${apiKey} is wrong`, type: 'x' }
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
      return
    }
    sendEvents(response, [text('a'), { error: { message: `the key ${apiKey}` } }])
    response.end()
  })
  const provider = createAiSdkProvider({ provider: 'openai-compatible', baseUrl: server.baseUrl, apiKey })
  for (let round = 0; round < 2; round++) {
    const error = (await failure(streamAll(provider, ask('hi')))) as LlmError
    t.ok(error instanceof LlmError)
    t.notMatch(error.message, /my-very-own-key/)
  }
})

t.test('the address of the model server is kept out of the message', async (t) => {
  const gone = await oddServer(t, () => {})
  await gone.stop()
  const cut = await oddServer(t, (response, _number, { body }) => {
    const type = body.stream === true ? 'text/event-stream' : 'application/json'
    response.writeHead(200, { 'content-type': type }).flushHeaders()
    setTimeout(() => response.socket!.resetAndDestroy(), 20)
  })
  const cases: [string, RegExp, RegExp][] = [
    [gone.baseUrl, /^The model provider cannot be reached \(ECONNREFUSED\)\.$/, /127\.0\.0\.1:\d/],
    [cut.baseUrl, /^The connection to the model provider broke \([A-Z_]+\)\.$/, /./]
  ]
  for (const [baseUrl, message, inCause] of cases) {
    const provider = createAiSdkProvider({ provider: 'openai-compatible', baseUrl, apiKey: 'test-key-1234' })
    for (const call of [() => streamAll(provider, ask('hi')), () => provider.complete(ask('hi'), { signal })]) {
      t.match(await failure(call()), { code: 'LLM_UNAVAILABLE', message, cause: { message: inCause } })
    }
  }
})

t.test('a model object is built once for the same options', async (t) => {
  const options = { provider: 'openai-compatible', baseUrl: simulator.baseUrl, apiKey: 'k', model: 'm' } as const
  const model = createLanguageModel(options)
  t.equal(createLanguageModel({ ...options }), model)
  t.not(createLanguageModel({ ...options, model: 'other' }), model)
  t.not(createLanguageModel({ ...options, apiKey: 'other' }), model)
  t.equal(model.modelId, 'm')
  t.equal(createLanguageModel({ provider: 'anthropic', apiKey: 'k', model: 'c' }).modelId, 'c')
  for (let index = 0; index < 250; index++) createLanguageModel({ ...options, model: `m${index}` })
  t.not(createLanguageModel(options), model, 'the number of models that are kept is bounded')
  t.throws(() => createLanguageModel({ provider: 'openai-compatible', model: 'm' }), { message: /baseUrl: expected/ })
  const unknown = 'robot' as AiSdkProviderName
  t.throws(() => createLanguageModel({ provider: unknown, model: 'm' }), {
    message: /provider: expected one of .*got robot/
  })
})

t.test('answers of any size are given up in time', async (t) => {
  const line = 'x'.repeat(64 * 1024)
  const server = await oddServer(t, (response, _number, { body }) => {
    const isStream = body.stream === true
    response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' })
    response.write(isStream ? 'data: {"choices":[{"delta":{"content":"' : '{"choices":[{"message":{"content":"')
    const more = () => {
      while (!response.destroyed && response.write(line));
      response.once('drain', more)
    }
    more()
  })
  for (const provider of ['openai-compatible', 'openai'] as const) {
    const endless = createAiSdkProvider({ provider, baseUrl: server.baseUrl, apiKey: 'test-key-1234' })
    const reason = { code: 'LLM_UNAVAILABLE', message: /too large/ }
    t.match(await failure(streamAll(endless, ask('hi'))), reason, `${provider}: a line without end`)
    t.match(await failure(endless.complete(ask('hi'), { signal })), reason, `${provider}: a whole answer without end`)
  }
})
