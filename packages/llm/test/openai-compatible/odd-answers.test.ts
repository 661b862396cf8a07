import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createOpenAiCompatibleProvider, type LlmError } from '../../src/index.ts'
import { ask, failure, streamAll } from '../fixtures/calls.ts'
import { finish, oddServer, type SeenRequest, sendEvents, text } from '../fixtures/odd-server.ts'

interface Scope {
  teardown(cleanUp: () => unknown): void
}

const KEY = 'my-very-own-key.with+odd/characters'
const signal = new AbortController().signal

/** A provider in front of a server that answers every request like this. */
async function against(t: Scope, answer: (response: ServerResponse, number: number, request: SeenRequest) => void) {
  const server = await oddServer(t, answer)
  const provider = createOpenAiCompatibleProvider({ baseUrl: server.baseUrl, apiKey: KEY })
  t.teardown(() => provider.close())
  return { server, provider, stream: () => streamAll(provider, ask('hi')) }
}

/** The same in front of a server that streams these events and then ends. */
function streaming(t: Scope, events: readonly (object | string)[]) {
  return against(t, (response) => {
    sendEvents(response, events)
    response.end()
  })
}

function json(t: Scope, status: number, body: string, headers: Record<string, string> = {}) {
  return against(t, (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  )
}

t.test('the request has what was asked for and nothing else', async (t) => {
  const { provider, server } = await streaming(t, [text('x'), finish(), '[DONE]'])
  await streamAll(provider, ask('hi'))
  await streamAll(provider, ask('hi', { temperature: 0.3, maxTokens: 5, endUser: 'u-1', continueFrom: 'He' }), {
    headers: { traceparent: '00-1-2-01', authorization: 'Bearer other' }
  })
  const [plain, full] = server.requests
  t.equal(plain!.url, '/v1/chat/completions')
  t.same(plain!.body, {
    model: 'simulator',
    messages: [{ role: 'user', content: 'hi' }],
    stream: true,
    stream_options: { include_usage: true }
  })
  t.same(full!.body, {
    model: 'simulator',
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'He', prefix: true }
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.3,
    max_tokens: 5,
    user: 'u-1'
  })
  t.match(full!.headers, {
    traceparent: '00-1-2-01',
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json'
  })

  const modest = createOpenAiCompatibleProvider({ baseUrl: `${server.baseUrl}//`, includeUsage: false })
  t.teardown(() => modest.close())
  await streamAll(modest, ask('hi'))
  t.equal(server.requests[2]!.url, '/v1/chat/completions')
  t.notOk('stream_options' in server.requests[2]!.body)
  t.notOk('authorization' in server.requests[2]!.headers)
})

t.test('chunks of other servers are read for what they are', async (t) => {
  const { stream } = await streaming(t, [
    { choices: [], prompt_filter_results: [] },
    { choices: [{ index: 0, delta: { role: 'assistant', content: null } }] },
    text('plain '),
    text([{ type: 'text', text: 'in parts ' }, { type: 'image' }, null]),
    { choices: [{ delta: { content: 'no index ' } }] },
    { choices: [{ index: 1, delta: { content: 'another choice ' } }] },
    { choices: [{ index: 0, delta: { reasoning: 'thinking' } }] },
    { choices: [{ index: 0, delta: { refusal: 'refused' } }] },
    { choices: [{ index: 0, delta: null }] },
    { choices: [null] },
    { choices: 'x', usage: 'x', error: null },
    text(5),
    'null',
    '[1]',
    { type: 'ping' },
    { ...finish('eos'), usage: { prompt_tokens: -1, completion_tokens: 2 } },
    { choices: [], usage: { prompt_tokens: 7, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 3 } } },
    '[DONE]',
    text('after the end')
  ])
  const answer = await stream()
  t.equal(answer.text, 'plain in parts no index refused')
  t.same(answer.reasoning, ['thinking'])
  t.match(answer, {
    finishReason: 'other',
    usageEstimated: false,
    usage: { inputTokens: 7, outputTokens: 5, totalTokens: 12, cachedInputTokens: 3 }
  })
})

t.test('a finish reason alone, or [DONE] alone, is an end; neither is a broken answer', async (t) => {
  t.match(await (await streaming(t, [text('a'), finish('length')])).stream(), { text: 'a', finishReason: 'length' })
  t.match(await (await streaming(t, [text('a'), finish('function_call')])).stream(), { finishReason: 'tool_calls' })
  t.match(await (await streaming(t, [text('a'), '[DONE]'])).stream(), { text: 'a', finishReason: 'other' })
  for (const events of [
    [],
    [text('a')],
    [text('a'), { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }]
  ]) {
    const { stream } = await streaming(t, events)
    t.match(await failure(stream()), { code: 'LLM_UNAVAILABLE', message: /broke off before its end/ })
  }
})

t.test('a finish reason of nothing is no end', async (t) => {
  for (const nothing of ['', 'null']) {
    const pieces = ['a', 'b', 'c'].map((piece) => text(piece, { finish_reason: nothing }))
    const { stream } = await streaming(t, pieces)
    t.match(await failure(stream()), { code: 'LLM_UNAVAILABLE', message: /broke off before its end/ })
    for (const [last, finishReason] of [
      [finish('length'), 'length'],
      ['[DONE]', 'other']
    ] as const) {
      t.match(await (await streaming(t, [...pieces, last])).stream(), { text: 'abc', finishReason })
    }
    const choice = { message: { content: 'whole' }, finish_reason: nothing }
    const { provider } = await json(t, 200, JSON.stringify({ choices: [choice] }))
    t.match(await provider.complete(ask('hi'), { signal }), { text: 'whole', finishReason: 'other' })
  }
})

t.test('an answer that is whole does not fail with the connection after it', async (t) => {
  const endings: [string, (response: ServerResponse) => void][] = [
    ['reset', (response) => response.socket!.resetAndDestroy()],
    ['left open', () => {}]
  ]
  for (const [name, end] of endings) {
    for (const last of [[finish()], [finish(), '[DONE]']]) {
      const { stream } = await against(t, (response) => {
        sendEvents(response, [text('whole'), ...last])
        setImmediate(() => end(response))
      })
      const begun = performance.now()
      t.match(await stream(), { text: 'whole', finishReason: 'stop', usageEstimated: true }, name)
      t.ok(performance.now() - begun < 4000)
    }
  }
})

t.test('errors inside a stream are told apart', async (t) => {
  const cases: [object, string, number | undefined, RegExp][] = [
    [{ error: { message: 'too fast', code: 429 } }, 'LLM_RATE_LIMITED', 429, /: too fast$/],
    [{ error: { message: 'slow down', type: 'rate_limit_error' } }, 'LLM_RATE_LIMITED', undefined, /slow down/],
    [{ error: { message: 'gone', code: '502' } }, 'LLM_UNAVAILABLE', 502, /gone/],
    [{ error: { message: 'long', code: 'context_length_exceeded' } }, 'LLM_REJECTED', undefined, /long/],
    [{ error: { type: 'invalid_request_error' } }, 'LLM_REJECTED', undefined, /in its answer\.$/],
    [{ error: 'just text' }, 'LLM_UNAVAILABLE', undefined, /just text/]
  ]
  for (const [event, code, status, message] of cases) {
    const { stream } = await streaming(t, [text('a'), event, text('b'), finish(), '[DONE]'])
    const error = (await failure(stream())) as LlmError
    t.match(error, { code, message })
    t.equal(error.status, status)
  }
  const { stream } = await against(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end('event: error\ndata: {"message":"named event"}\n\n')
  })
  t.match(await failure(stream()), { code: 'LLM_UNAVAILABLE', message: /named event/ })
})

t.test('what a provider says is shown short, in one line and without keys', async (t) => {
  const said = `bad key ${KEY}, sk-abcDEF123456 and Bearer abc.def\r\n\u001b[31mred\u202e ${'long '.repeat(200)}`
  for (const status of [400, 401, 500]) {
    const { stream } = await json(t, status, JSON.stringify({ error: { message: said } }))
    const { message } = (await failure(stream())) as LlmError
    t.notMatch(message, /my-very|sk-abc|abc\.def/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
    t.notMatch(message, /[\u0000-\u001f\u202e]/)
    t.match(message, /bad key \*\*\*, \*\*\* and \*\*\*/)
    t.ok(message.length < 350, String(message.length))
  }
  for (const body of ['{"message":"plain"}', '{"detail":"plain"}', '{"error":"plain"}']) {
    t.match(await failure((await json(t, 400, body)).stream()), { message: /\(400\): plain$/ })
  }
  for (const body of ['<html>', '{', '{}', '[]', '']) {
    t.match(await failure((await json(t, 400, body)).stream()), { message: /\(400\)\.$/ })
  }
})

t.test('redirects, payment and a JSON answer to a stream say what is to be done', async (t) => {
  const cases: [number, string, Record<string, string>, string, RegExp][] = [
    [302, '', { location: '/elsewhere' }, 'LLM_REJECTED', /redirect \(302\); the operator must check LLM_BASE_URL/],
    [402, '{}', {}, 'LLM_REJECTED', /payment/],
    [200, '{"choices":[]}', {}, 'LLM_UNAVAILABLE', /wrong kind: expected content-type text\/event-stream/],
    [200, '{"error":{"message":"no streaming here"}}', {}, 'LLM_UNAVAILABLE', /wrong kind: no streaming here/],
    [200, 'x', { 'content-type': 'text/event-stream', 'content-encoding': 'br' }, 'LLM_UNAVAILABLE', /cannot be read/]
  ]
  for (const [status, body, headers, code, message] of cases) {
    t.match(await failure((await json(t, status, body, headers)).stream()), { code, message })
  }
})

t.test('an event that is too large ends the call', async (t) => {
  const { stream } = await streaming(t, [text('x'.repeat(300_000)), finish(), '[DONE]'])
  t.match(await failure(stream()), { code: 'LLM_UNAVAILABLE', message: /sent too much/ })
})

t.test('whole answers are read for what they are', async (t) => {
  const answer = (content: unknown, more: object = {}) =>
    JSON.stringify({ choices: [{ message: { content, ...more }, finish_reason: 'stop' }], usage: null })
  const good: [string, string][] = [
    [answer('plain'), 'plain'],
    [answer([{ type: 'text', text: 'parts' }]), 'parts'],
    [answer(null, { refusal: 'no' }), 'no'],
    [answer(null), '']
  ]
  for (const [body, expected] of good) {
    const { provider } = await json(t, 200, body)
    t.match(await provider.complete(ask('hi'), { signal }), { text: expected, usageEstimated: true })
  }
  const bad: [string, RegExp][] = [
    ['', /not JSON/],
    ['{"choices":[{"message"', /not JSON/],
    ['5', /no JSON object/],
    ['{}', /without a choice/],
    ['{"choices":[{"message":{"content":"x"}}]}', /without a finish reason/],
    ['{"error":{"message":"oops"}}', /reported an error in its answer: oops/],
    ['{"error":{}}', /reported an error in its answer\./]
  ]
  for (const [body, message] of bad) {
    const { provider, server } = await json(t, 200, body)
    t.match(await failure(provider.complete(ask('hi'), { signal })), { code: 'LLM_UNAVAILABLE', message })
    t.equal(server.requests.length, 1, 'an answer that was paid for is not asked for again')
  }
})

t.test('a whole answer is bounded', async (t) => {
  const { provider } = await against(t, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const piece = Buffer.alloc(1024 * 1024, 0x20)
    const more = () => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  })
  const error = await failure(provider.complete(ask('hi'), { signal }))
  t.match(error, { code: 'LLM_UNAVAILABLE', message: /larger than 8388608 bytes/ })
})

t.test('what the sink throws is what the caller gets', async (t) => {
  const { provider, server } = await streaming(t, [text('a'), text('b'), finish(), '[DONE]'])
  const thrown = new RangeError('the sink is full')
  const onText = () => {
    throw thrown
  }
  t.equal(await failure(provider.stream(ask('hi'), { onText }, { signal })), thrown)
  t.equal(server.requests.length, 1)
})

t.test('options that cannot be used are named, and their secrets are not', async (t) => {
  const cases: [Parameters<typeof createOpenAiCompatibleProvider>[0], RegExp][] = [
    [{ baseUrl: 'not a url' }, /baseUrl: expected a URL/],
    [{ baseUrl: 'ftp://host/v1' }, /baseUrl: expected http or https, got ftp/],
    [{ baseUrl: 'http://user:hunter2@host/v1' }, /baseUrl: expected no user or password/],
    [{ baseUrl: 'http://host/v1', apiKey: 'two words-hunter2' }, /apiKey: expected printable ASCII/]
  ]
  for (const [options, message] of cases) {
    t.throws(() => createOpenAiCompatibleProvider(options), { name: 'TypeError', message })
    try {
      createOpenAiCompatibleProvider(options)
    } catch (error) {
      t.notMatch((error as Error).message, /hunter2/)
    }
  }
})
