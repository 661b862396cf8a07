import t from 'tap'
import { ask, type Completion, startSimulator } from './fixtures/simulator.ts'

t.test('a whole answer has the shape of a chat completion', async (t) => {
  const simulator = await startSimulator(t)
  const response = await simulator.complete(ask('Hello there'))
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'application/json')
  const answer = (await response.json()) as Completion
  t.match(answer, {
    id: /^chatcmpl-[0-9a-f]{24}$/,
    object: 'chat.completion',
    model: 'simulator',
    choices: [{ index: 0, message: { role: 'assistant', content: /Hello there/ }, finish_reason: 'stop' }]
  })
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = answer.usage
  t.ok(input > 0 && output > 0)
  t.equal(total, input + output)
})

t.test('a streamed answer is the same text, piece by piece, and ends with finish reason and [DONE]', async (t) => {
  const simulator = await startSimulator(t)
  for (const question of ['Hello there', '你好，世界']) {
    const { chunks, done, text } = await simulator.chunks(ask(question))
    t.equal(text, await simulator.text(ask(question)))
    t.ok(done)
    t.same(chunks[0]?.choices[0]?.delta, { role: 'assistant', content: '' })
    t.ok(chunks.length > 5)
    t.equal(new Set(chunks.map((chunk) => `${chunk.id} ${chunk.created} ${chunk.model}`)).size, 1)
    t.same(
      chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter((reason) => reason !== null),
      ['stop'],
      'one finish reason'
    )
    t.ok(
      chunks.every((chunk) => !('usage' in chunk)),
      'no usage unless asked for'
    )
  }
})

t.test('usage comes as a chunk of its own when it is asked for', async (t) => {
  const simulator = await startSimulator(t)
  const { chunks } = await simulator.chunks({ ...ask('Hello'), stream_options: { include_usage: true } })
  const last = chunks.at(-1)!
  t.same(last.choices, [])
  const whole = await simulator.whole(ask('Hello'))
  t.same(last.usage, whole.usage)
  t.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null))

  await simulator.control({ usage: false })
  const without = await simulator.chunks({ ...ask('Hello'), stream_options: { include_usage: true } })
  t.ok(without.chunks.every((chunk) => !('usage' in chunk)))
  t.notOk('usage' in (await simulator.whole(ask('Hello'))))
})

t.test('equal requests get equal bytes', async (t) => {
  const simulator = await startSimulator(t)
  const bytes = async (body: object) => (await simulator.complete(body)).text()
  for (const body of [ask('same'), { ...ask('same'), stream: true }]) {
    t.equal(await bytes(body), await bytes(body))
    t.not(await bytes(body), await bytes({ ...body, ...ask('other') }))
  }
})

t.test('length and max_tokens bound the answer, and the finish reason tells', async (t) => {
  const simulator = await startSimulator(t)
  const pieces = async (body: object) => {
    const { chunks } = await simulator.chunks(body)
    const contents = chunks.map((chunk) => chunk.choices[0]!)
    return { count: contents.filter(({ delta }) => delta.content).length, finish: contents.at(-1)!.finish_reason }
  }
  t.same(await pieces(ask('[[sim:length=3]] hi')), { count: 3, finish: 'stop' })
  t.same(await pieces(ask('[[sim:length=200]] hi')), { count: 200, finish: 'stop' })
  t.same(await pieces({ ...ask('hi'), max_tokens: 4 }), { count: 4, finish: 'length' })
  t.same(await pieces({ ...ask('hi'), max_completion_tokens: 2 }), { count: 2, finish: 'length' })
  await simulator.control({ length: 7 })
  t.same(await pieces(ask('hi')), { count: 7, finish: 'stop' })
  t.same(await pieces(ask('[[sim:finish=content_filter]] hi')), { count: 7, finish: 'content_filter' })
})

t.test('reasoning comes before the text, in a field of its own', async (t) => {
  const simulator = await startSimulator(t)
  const { chunks, text } = await simulator.chunks(ask('[[sim:reasoning]] hi'))
  const thought = chunks.map((chunk) => chunk.choices[0]?.delta.reasoning_content ?? '').join('')
  t.equal(thought, 'Let me think about that.')
  t.notMatch(text, /think/)
  const whole = await simulator.whole(ask('[[sim:reasoning]] hi'))
  t.equal(whole.choices[0]!.message.reasoning_content, thought)
})

t.test('say gives exactly the text that is asked for, also an empty one', async (t) => {
  const simulator = await startSimulator(t)
  for (const wanted of ['a  b\n\nc', '你好 😀 "quoted" \\', '']) {
    t.equal((await simulator.chunks(ask(`[[sim:say=${wanted}]]`))).text, wanted)
  }
})

t.test('the pace is the time to the first piece and the time between pieces', async (t) => {
  const simulator = await startSimulator(t, { firstTokenMs: 40, gapMs: 10 })
  const times: number[] = []
  const begun = performance.now()
  const response = await simulator.complete({ ...ask('[[sim:length=6]] hi'), stream: true })
  for await (const _piece of response.body!) times.push(performance.now() - begun)
  t.ok(times[0]! >= 39, `first after ${times[0]} ms`)
  t.ok(times.at(-1)! >= 39 + 5 * 9, `last after ${times.at(-1)} ms`)
  t.ok(times.length > 1, 'not in one piece')

  const whole = performance.now()
  await simulator.text(ask('[[sim:length=6 delay=20 gap=15]] hi'))
  t.ok(performance.now() - whole >= 20 + 5 * 15 - 2, 'a whole answer takes as long as a streamed one')
})

t.test('a slow reader slows the answer down instead of filling memory', async (t) => {
  const simulator = await startSimulator(t)
  const response = await simulator.complete({ ...ask('[[sim:length=100000]] hi'), stream: true })
  const reader = response.body!.getReader()
  await reader.read()
  t.equal((await simulator.stats()).open, 1, 'not written while nobody reads')
  let bytes = 0
  for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length
  t.ok(bytes > 10_000_000)
  await simulator.until((stats) => stats.completed === 1 && stats.open === 0)
})

t.test('a request that cannot be answered gets an error in OpenAI shape', async (t) => {
  const simulator = await startSimulator(t)
  const cases: [unknown, number, RegExp][] = [
    ['{"model":', 400, /parse the JSON/],
    ['', 400, /JSON object/],
    ['[]', 400, /JSON object/],
    [{ messages: [] }, 400, /model parameter/],
    [{ ...ask('x'), model: 'gpt-9' }, 404, /'gpt-9' does not exist/],
    [{ model: 'simulator' }, 400, /'messages'/],
    [{ model: 'simulator', messages: [] }, 400, /'messages'/],
    [{ model: 'simulator', messages: ['x'] }, 400, /'messages\[0\]'/],
    [{ model: 'simulator', messages: [{ role: 'robot', content: 'x' }] }, 400, /messages\[0\]\.role/],
    [{ model: 'simulator', messages: [{ role: 'user', content: 5 }] }, 400, /messages\[0\]\.content/],
    [{ ...ask('x'), stream: 'yes' }, 400, /'stream'/],
    [{ ...ask('x'), max_tokens: 0 }, 400, /'max_tokens'/],
    [{ ...ask('x'), n: 2 }, 400, /'n'/],
    [{ ...ask('x'), tools: {} }, 400, /'tools'/],
    [{ ...ask('x'), tools: [{}] }, 400, /'tools\[0\]'/],
    [{ ...ask('x'), tool_choice: 5 }, 400, /'tool_choice'/],
    [{ model: 'simulator', messages: [{ role: 'assistant', tool_calls: [5] }] }, 400, /tool_calls/],
    [{ ...ask('x'), messages: Array(2001).fill({ role: 'user', content: '' }) }, 400, /at most 2000/]
  ]
  for (const [body, status, message] of cases) {
    const response = await simulator.complete(body)
    t.equal(response.status, status)
    t.match(await response.json(), { error: { message, type: 'invalid_request_error' } })
  }
  const { rejected, started, open } = await simulator.stats()
  t.same({ rejected, started, open }, { rejected: cases.length, started: cases.length, open: 0 })
})

t.test('a body over the limit is refused', async (t) => {
  const simulator = await startSimulator(t)
  const response = await simulator.complete('x'.repeat(9 * 1024 * 1024)).catch((error: Error) => error)
  // The server may close before the client has sent everything.
  if (response instanceof Error) t.match(response.message, /fetch failed/)
  else t.equal(response.status, 413)
  t.match(await simulator.stats(), { open: 0, rejected: 1 })
})

t.test('roles, parts and unknown fields of other clients are accepted', async (t) => {
  const simulator = await startSimulator(t)
  const text = await simulator.text({
    model: 'simulator-small',
    seed: 1,
    user: 'ada',
    response_format: { type: 'text' },
    messages: [
      { role: 'developer', content: 'Be brief.', name: 'x' },
      { role: 'user', content: [{ type: 'text', text: 'in ' }, { type: 'image_url' }, { type: 'text', text: 'parts' }] }
    ]
  })
  t.match(text, /"in parts"/)
})

t.test('models, health and everything else', async (t) => {
  const { url } = await startSimulator(t)
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${url}${path}`, { method })
    return { status: response.status, body: await response.json() }
  }
  t.match(await get('/v1/models'), {
    status: 200,
    body: { object: 'list', data: [{ id: 'simulator', object: 'model' }] }
  })
  t.match(await get('/v1/models/simulator?x=1'), { status: 200, body: { id: 'simulator' } })
  t.match(await get('/v1/models/other'), { status: 404, body: { error: { code: 'model_not_found' } } })
  t.match(await get('/health'), { status: 200, body: { status: 'healthy' } })
  t.match(await get('/v1/completions', 'POST'), { status: 404, body: { error: { message: /Invalid URL/ } } })
  t.match(await get('/v1/chat/completions'), { status: 404 })
})
