import t from 'tap'
import { findCalculations } from '../src/answer/arithmetic.ts'
import { ask, type Chunk, startSimulator } from './fixtures/simulator.ts'

function tool(name: string, properties: object = {}) {
  return { type: 'function', function: { name, parameters: { type: 'object', properties } } }
}

const TOOLS = [
  tool('calculator', { expression: { type: 'string' } }),
  tool('current_time', { timeZone: { type: 'string' } }),
  tool('search_history', { limit: { type: 'number' }, query: { type: 'string' } })
]

interface Call {
  id: string
  name: string
  input: unknown
}

/** Puts streamed tool calls together, as a client does. */
function assemble(chunks: Chunk[]): Call[] {
  const calls: { id: string; name: string; text: string }[] = []
  for (const delta of chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])) {
    calls[delta.index] ??= { id: '', name: '', text: '' }
    const call = calls[delta.index]!
    call.id += delta.id ?? ''
    call.name += delta.function.name ?? ''
    call.text += delta.function.arguments
  }
  return calls.map(({ id, name, text }) => ({ id, name, input: JSON.parse(text) }))
}

t.test('findCalculations sees what is to be computed and nothing else', async (t) => {
  const cases: [string, string[]][] = [
    ['What is 17*23?', ['17*23']],
    ['What is 17 times 23', ['17*23']],
    ['compute (1 + 2) * 3.5 / -4', ['(1+2)*3.5/-4']],
    ['2 ** 10 and 6 x 7, please', ['2**10', '6*7']],
    ['17乘以23是多少？', ['17*23']],
    ['100 divided by 4 plus 3', ['100/4+3']],
    ['12 加 30', ['12+30']],
    ['it happened on 2026-01-02', []],
    ['I have 3 cats and 2 dogs', []],
    ['call 555-1234', []],
    ['', []]
  ]
  for (const [text, expected] of cases) t.same(findCalculations(text), expected, text)
  t.equal(findCalculations(Array.from({ length: 20 }, (_, index) => `${index}+1`).join(' and ')).length, 8)
})

t.test('asks for the tool that a question needs', async (t) => {
  const simulator = await startSimulator(t)
  const cases: [string, { name: string; input: object }[]][] = [
    ['What is 17*23?', [{ name: 'calculator', input: { expression: '17*23' } }]],
    ['What time is it?', [{ name: 'current_time', input: {} }]],
    ['What time is it in Asia/Shanghai?', [{ name: 'current_time', input: { timeZone: 'Asia/Shanghai' } }]],
    ['现在几点了？', [{ name: 'current_time', input: {} }]],
    ['Search my messages for "green tea".', [{ name: 'search_history', input: { query: 'green tea' } }]],
    ['Find what I said about holidays', [{ name: 'search_history', input: { query: 'holidays' } }]],
    ['搜索绿茶', [{ name: 'search_history', input: { query: '绿茶' } }]],
    [
      'What is 1+1 and 2*3, and what time is it?',
      [
        { name: 'calculator', input: { expression: '1+1' } },
        { name: 'calculator', input: { expression: '2*3' } },
        { name: 'current_time', input: {} }
      ]
    ],
    ['Hello', []]
  ]
  for (const [question, expected] of cases) {
    const { chunks, done } = await simulator.chunks({ ...ask(question), tools: TOOLS })
    const calls = assemble(chunks)
    t.same(
      calls.map(({ name, input }) => ({ name, input })),
      expected,
      question
    )
    t.equal(new Set(calls.map(({ id }) => id)).size, calls.length, 'an id each')
    t.ok(done)
    t.equal(chunks.at(-1)!.choices[0]!.finish_reason, expected.length > 0 ? 'tool_calls' : 'stop')

    const { choices } = await simulator.whole({ ...ask(question), tools: TOOLS })
    const whole = choices[0]!.message.tool_calls ?? []
    t.same(
      whole.map((call: { function: { name: string; arguments: string } }) => call.function.name),
      expected.map(({ name }) => name)
    )
    t.equal(choices[0]!.message.content === null, expected.length > 0)
  }
  t.equal((await simulator.stats()).toolCalls, 2 * cases.flatMap(([, calls]) => calls).length)
})

t.test('without tools, or told not to, it answers in words', async (t) => {
  const simulator = await startSimulator(t)
  t.match(await simulator.text(ask('What is 17*23?')), /You said/)
  t.match(await simulator.text({ ...ask('What is 17*23?'), tools: TOOLS, tool_choice: 'none' }), /You said/)
  t.match(await simulator.text({ ...ask('What is 17*23?'), tools: [tool('weather')] }), /You said/)
})

t.test('can be made to call a tool', async (t) => {
  const simulator = await startSimulator(t)
  const calls = async (body: object) =>
    assemble((await simulator.chunks(body)).chunks).map(({ name, input }) => ({ name, input }))
  const weather = tool('weather', { city: { type: 'string' }, days: { type: 'number' } })
  t.same(await calls({ ...ask('hi'), tools: [weather], tool_choice: 'required' }), [
    { name: 'weather', input: { city: 'hi' } }
  ])
  const named = { type: 'function', function: { name: 'calculator' } }
  t.same(await calls({ ...ask('hi'), tools: TOOLS, tool_choice: named }), [
    { name: 'calculator', input: { expression: 'hi' } }
  ])
  t.same(await calls({ ...ask('[[sim:call=unknown {"a":[1,2]}]] hi'), tools: TOOLS }), [
    { name: 'unknown', input: { a: [1, 2] } }
  ])
  t.same(await calls({ ...ask('[[sim:call=weather]] hi'), tools: TOOLS }), [{ name: 'weather', input: {} }])
})

t.test('repeats a call, numbers it, and fills up its arguments', async (t) => {
  const simulator = await startSimulator(t)
  const text = '[[sim:call=weather {"city":"$round of $index"}]][[sim:parallel=2 input=60]] hi'
  const calls = assemble((await simulator.chunks({ ...ask(text), tools: TOOLS })).chunks)
  t.match(calls, [
    { name: 'weather', input: { city: '1 of 1' } },
    { name: 'weather', input: { city: '1 of 2' } }
  ])
  t.equal(new Set(calls.map(({ id }) => id)).size, 2)
  const { choices } = await simulator.whole({ ...ask(text), tools: TOOLS })
  t.equal(choices[0]!.message.tool_calls?.[0]?.function.arguments.length, 60)
  const broken = await simulator.whole({ ...ask('[[sim:call=weather {"city":]] hi'), tools: TOOLS })
  t.equal(broken.choices[0]!.message.tool_calls?.[0]?.function.arguments, '{"city":', 'also when they are no JSON')
})

t.test('says something before it calls a tool where that is asked for', async (t) => {
  const simulator = await startSimulator(t)
  const body = { ...ask('[[sim:talk=5]] 1+1'), tools: TOOLS }
  const { chunks } = await simulator.chunks(body)
  t.match(assemble(chunks), [{ name: 'calculator' }])
  const said = chunks.flatMap(({ choices }) => choices[0]?.delta.content || [])
  t.equal(said.length, 5)
  const { choices } = await simulator.whole(body)
  t.match(choices[0]!.message, { content: said.join(''), tool_calls: [{}] })
})

t.test('tells a plan where one is asked for', async (t) => {
  const simulator = await startSimulator(t)
  const body = { ...ask('[[sim:plan=Compute; Answer]] 1+1'), tools: [...TOOLS, tool('update_plan')] }
  const [plan, calculation] = assemble((await simulator.chunks(body)).chunks)
  t.match(plan, {
    name: 'update_plan',
    input: {
      steps: [
        { title: 'Compute', status: 'running' },
        { title: 'Answer', status: 'pending' }
      ]
    }
  })
  t.match(calculation, { name: 'calculator' }, 'together with the calls of that round')
  const without = assemble((await simulator.chunks({ ...body, tools: TOOLS })).chunks)
  t.same(
    without.map(({ name }) => name),
    ['calculator']
  )
})

/** One turn of an agent: the question, and what was called and answered since. */
function turn(question: string, rounds: { name: string; input: string; result: string }[][]) {
  const messages: object[] = [{ role: 'user', content: question }]
  for (const [round, calls] of rounds.entries()) {
    messages.push({
      role: 'assistant',
      content: null,
      tool_calls: calls.map(({ name, input }, index) => ({
        id: `${round}-${index}`,
        type: 'function',
        function: { name, arguments: input }
      }))
    })
    for (const [index, { result }] of calls.entries()) {
      messages.push({ role: 'tool', tool_call_id: `${round}-${index}`, content: result })
    }
  }
  return { model: 'simulator', messages, tools: TOOLS }
}

t.test('answers with what the tools gave, in any shape', async (t) => {
  const simulator = await startSimulator(t)
  const calculator = { name: 'calculator', input: '{"expression":"17*23"}' }
  const delimited = '<tool_output status="ok">\n391\n</tool_output>'
  for (const result of ['391', '"391"', '{"result":391}', '{"value":"391"}', delimited]) {
    t.equal(await simulator.text(turn('What is 17*23?', [[{ ...calculator, result }]])), '17*23 = 391.')
  }
  t.equal(await simulator.text(turn('17*23是多少', [[{ ...calculator, result: '391' }]])), '17*23 = 391。')
  t.equal(
    await simulator.text(turn('What is 17/0?', [[{ ...calculator, result: '{"error":"division by zero"}' }]])),
    'The tool calculator failed: division by zero.'
  )
  const time = { name: 'current_time', input: '{}', result: '{"time":"12:00","zone":"UTC"}' }
  const search = { name: 'search_history', input: '{"query":"tea"}', result: '[{"content":"green tea"}]' }
  t.equal(
    await simulator.text(turn('a lot', [[{ ...calculator, result: '391' }, time, search]])),
    '17*23 = 391. It is now 12:00. I found this: [{"content":"green tea"}]'
  )
  t.equal(
    await simulator.text(turn('other', [[{ name: 'weather', input: '[', result: 'sunny' }]])),
    'The tool weather answered: sunny'
  )
  const plan = { name: 'update_plan', input: '{}', result: 'shown' }
  t.equal(await simulator.text(turn('17*23', [[plan, { ...calculator, result: '391' }]])), '17*23 = 391.')
  t.equal(
    await simulator.text(turn('还有', [[time, { ...search, name: 'x' }]])),
    '现在是 12:00。工具 x 的结果：[{"content":"green tea"}]'
  )
})

t.test('steps and loop make it call tools again before it answers', async (t) => {
  const simulator = await startSimulator(t)
  const done = { name: 'calculator', input: '{"expression":"1+1"}', result: '2' }
  const finish = async (question: string, rounds: number) => {
    const body = turn(
      question,
      Array.from({ length: rounds }, () => [done])
    )
    return (await simulator.whole(body)).choices[0]!.finish_reason
  }
  t.equal(await finish('1+1', 1), 'stop')
  t.equal(await finish('[[sim:steps=3]] 1+1', 2), 'tool_calls')
  t.equal(await finish('[[sim:steps=3]] 1+1', 3), 'stop')
  t.equal(await finish('[[sim:loop]] 1+1', 50), 'tool_calls')
})

t.test('no text of 100,000 characters keeps it busy', async (t) => {
  const simulator = await startSimulator(t)
  const parts = ['1', '(', ' ', '[[sim:', '[', 'my a is ', '搜索', 'for ', '"', '-', '1+', '\n']
  for (const part of parts) {
    const text = part.repeat(Math.floor(100_000 / part.length))
    const body = { ...ask(text), messages: [...ask(text).messages, ...ask(`What is my a? ${text}`).messages] }
    const begun = performance.now()
    await simulator.whole({ ...body, tools: TOOLS })
    await simulator.text(body)
    // What grows with the square of the length takes minutes; a busy machine does not.
    t.ok(performance.now() - begun < 20_000, JSON.stringify(part))
  }
})
