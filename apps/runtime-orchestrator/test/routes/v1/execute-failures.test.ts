import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, makeToolRequest, post, run, typesOf } from '../../helpers/execute.ts'
import { fastest } from '../../helpers/fastest.ts'
import { startApp } from '../../helpers/start-app.ts'

const simulator = await startSimulator(t, { SIMULATOR_GAP_MS: '1' })
const { origin, log } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

const AGENTS = [
  ['without tools', makeRequest],
  ['with tools', makeToolRequest]
] as const

const FAULTS: [fault: string, code: string, retryable: boolean][] = [
  ['429', 'LLM_RATE_LIMITED', true],
  ['429 retry-after=60', 'LLM_RATE_LIMITED', true],
  ['500', 'LLM_UNAVAILABLE', true],
  ['503', 'LLM_UNAVAILABLE', true],
  ['400', 'LLM_REJECTED', false],
  ['401', 'LLM_REJECTED', false],
  ['html', 'LLM_UNAVAILABLE', true],
  ['garbage', 'LLM_UNAVAILABLE', true],
  ['garbage=3', 'LLM_UNAVAILABLE', true],
  ['cut=3', 'LLM_UNAVAILABLE', true],
  ['reset=3', 'LLM_UNAVAILABLE', true],
  ['end=3', 'LLM_UNAVAILABLE', true],
  ['error=3', 'LLM_UNAVAILABLE', true]
]

t.test('a fault of the model fails the execution as the model’s fault', async (t) => {
  for (const [fault, code, retryable] of FAULTS) {
    for (const [name, make] of AGENTS) {
      const events = await run(origin, make(`Say something long please [[sim:${fault}]]`))
      const { error } = lastOf(events, 'execution.failed')
      t.match(error, { code, origin: 'llm', retryable, requestId: /./ }, `${fault}, agent ${name}: ${error.message}`)
      t.equal(events.filter(({ type }) => type === 'execution.failed').length, 1)
      t.notOk(typesOf(events).includes('message.completed'), 'and completes no message')
    }
  }
})

t.test('an answer without a word is a fault, unless something has cut it', async (t) => {
  for (const [name, make] of AGENTS) {
    const events = await run(origin, make('Hello [[sim:length=0]]'))
    const end = lastOf(events, 'execution.failed')
    t.match(end.error, { code: 'LLM_UNAVAILABLE', origin: 'llm', message: 'The model answered with nothing.' })
    t.ok(end.usage!.totalTokens > 0, `agent ${name}: and it has its price`)
    const filtered = await run(origin, make('Hello [[sim:length=0 finish=content_filter]]'))
    t.equal(lastOf(filtered, 'execution.completed').finishReason, 'content_filter')
  }
})

t.test('a fault that passes is not seen', async (t) => {
  for (const [name, make] of AGENTS) {
    await simulator.control({ faults: [{ kind: 'status', status: 503, times: 1, match: 'once' }] })
    const events = await run(origin, make('fails once'))
    lastOf(events, 'execution.completed')
    t.equal(typesOf(events)[0], 'execution.started', `agent ${name}: the model is asked a second time`)
  }
  await simulator.control({ faults: [] })
})

t.test('a model that does not exist', async (t) => {
  for (const [name, make] of AGENTS) {
    const events = await run(origin, make('Hello', { agent: { model: 'no-such-model' } }))
    t.match(lastOf(events, 'execution.failed').error, { code: 'LLM_REJECTED', origin: 'llm' }, `agent ${name}`)
  }
})

t.test('a model server that is not there', async (t) => {
  const { origin: lonely, app } = await startApp(t, { LLM_BASE_URL: 'http://127.0.0.1:1/v1' })
  for (const [name, make] of AGENTS) {
    const events = await run(lonely, make('Hello'))
    t.match(lastOf(events, 'execution.failed').error, { code: 'LLM_UNAVAILABLE', origin: 'llm' }, `agent ${name}`)
  }
  const ready = await fetch(`${lonely}/ready`)
  t.equal(ready.status, 200, 'which makes this process no less ready')
  t.match(await ready.json(), {
    status: 'ready',
    dependencies: { llm: { state: 'down' }, postgres: { state: 'down' } }
  })
  await app.close()
})

t.test('a silent model at the deadline is the model’s fault', async (t) => {
  for (const [name, make] of AGENTS) {
    const tookMs = await fastest(900, async () => {
      const started = performance.now()
      const events = await run(origin, make('Hello [[sim:hang]]'), { headers: { 'x-request-timeout-ms': '900' } })
      const endedMs = performance.now() - started
      const { error } = lastOf(events, 'execution.failed')
      t.match(error, { code: 'DEADLINE_EXCEEDED', origin: 'llm', retryable: true }, `agent ${name}: ${error.message}`)
      t.ok(endedMs > 390, 'not before its time')
      return endedMs
    })
    t.ok(tookMs < 900, `it ends 500 ms before the caller gives up: after ${tookMs.toFixed()} ms`)
  }
})

t.test('an execution that works until its deadline failed by itself', async (t) => {
  const headers = { 'x-request-timeout-ms': '1000' }
  for (const [name, make] of AGENTS) {
    const events = await run(origin, make('Hello [[sim:length=1000 gap=20]]'), { headers })
    const { error } = lastOf(events, 'execution.failed')
    t.match(error, {
      code: 'DEADLINE_EXCEEDED',
      origin: 'runtime',
      message: 'The execution did not finish within 500 ms.'
    })
    t.ok(typesOf(events).includes('message.delta'), `agent ${name}: after some text`)
  }
  const loop = await run(origin, makeToolRequest('What is 2*3? [[sim:loop delay=100]]'), { headers })
  t.match(lastOf(loop, 'execution.failed'), {
    error: { code: 'DEADLINE_EXCEEDED', origin: 'runtime' },
    usage: { totalTokens: Number }
  })

  const { origin: strict } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, RUNTIME_EXECUTION_TIMEOUT_MS: '800' })
  const own = await run(strict, makeRequest('Hello [[sim:hang]]'), { headers: { 'x-request-timeout-ms': '60000' } })
  t.match(lastOf(own, 'execution.failed').error, { code: 'DEADLINE_EXCEEDED' }, 'the own limit holds as well')

  const none = await run(origin, makeRequest('Hello'), { headers: { 'x-request-timeout-ms': '1' } })
  t.same(typesOf(none), ['execution.started', 'execution.failed'], 'with no time left, nothing is tried')
})

t.test('at a deadline the model is let go', async (t) => {
  await waitFor(async () => (await simulator.stats()).open === 0, { what: 'earlier calls to be ended' })
  await simulator.reset()
  await run(origin, makeRequest('Hello [[sim:hang]]'), { headers: { 'x-request-timeout-ms': '600' } })
  await run(origin, makeToolRequest('Hello [[sim:hang]]'), { headers: { 'x-request-timeout-ms': '600' } })
  await waitFor(async () => (await simulator.stats()).open === 0, { what: 'both calls to be ended' })
  t.match(await simulator.stats(), { aborted: 2 })
})

const LIMITS: [limits: object, question: string, message: string][] = [
  [{ maxSteps: 2 }, 'What is 2*3? [[sim:loop]]', 'The agent did not finish within 2 steps, which is its limit.'],
  [{ maxToolCalls: 1 }, 'What is 2*3 and 4*5?', 'The agent asked for more than 1 tool call, which is its limit.'],
  [{ maxToolCalls: 0 }, 'What is 2*3?', 'The agent asked for more than 0 tool calls, which is its limit.'],
  [{}, 'What is 2*3? [[sim:loop]]', 'The agent did not finish within 5 steps, which is its limit.']
]

t.test('each limit ends an execution with a message of its own', async (t) => {
  const { origin: limited } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, RUNTIME_MAX_STEPS: '5' })
  for (const [limits, question, message] of LIMITS) {
    const events = await run(limited, makeToolRequest(question, { limits }))
    const failed = lastOf(events, 'execution.failed')
    t.match(failed.error, { code: 'LIMIT_EXCEEDED', origin: 'client', retryable: false, message })
    t.ok(failed.usage!.totalTokens > 0, 'with the tokens that were used')
  }
  const tokens = await run(limited, makeToolRequest('What is 2*3? [[sim:loop]]', { limits: { maxTokens: 40 } }))
  t.match(lastOf(tokens, 'execution.failed').error, {
    code: 'LIMIT_EXCEEDED',
    message: /^The agent used \d+ tokens without finishing; its limit is 40 tokens\.$/
  })
  for (const [name, make] of AGENTS) {
    const endless = await run(limited, make('Tell me [[sim:length=5000]]', { limits: { maxTokens: 20 } }))
    const { error } = lastOf(endless, 'execution.failed')
    t.match(
      error,
      { code: 'LIMIT_EXCEEDED', message: /its limit is 20 tokens/ },
      `in the middle of an answer, agent ${name}`
    )
    t.ok(typesOf(endless).includes('message.delta'))
  }
  const tools = await run(limited, makeToolRequest('What is 2*3 and 4*5?', { limits: { maxToolCalls: 1 } }))
  t.notOk(typesOf(tools).includes('tool.started'), 'no call of a turn runs when not all may')
})

const BAD_CALLS: [call: string, name: string, code: string, message: RegExp][] = [
  [
    'delete_everything {}',
    'delete_everything',
    'TOOL_UNKNOWN',
    /^there is no tool "delete_everything"; available: calculator, /
  ],
  ['calculator {"expression":', 'calculator', 'TOOL_INPUT_INVALID', /^the arguments are not valid JSON$/],
  ['calculator {"expression":5}', 'calculator', 'TOOL_INPUT_INVALID', /expression: .*expected string/],
  ['calculator {}', 'calculator', 'TOOL_INPUT_INVALID', /expression: /],
  ['calculator {"expression":"1/0"}', 'calculator', 'TOOL_INPUT_INVALID', /division by zero/],
  ['current_time {"timeZone":"Mars"}', 'current_time', 'TOOL_INPUT_INVALID', /unknown time zone/],
  ['search_history {"query":"x"}', 'search_history', 'TOOL_UNAVAILABLE', /cannot be searched at the moment/]
]

t.test('a bad tool call is told to the model, which goes on', async (t) => {
  for (const [call, name, code, message] of BAD_CALLS) {
    const events = await run(origin, makeToolRequest(`Do it [[sim:call=${call}]]`))
    t.match(
      events.find(({ type }) => type === 'tool.started'),
      { name, effect: 'none' },
      call
    )
    const finished = events.filter((event) => event.type === 'tool.finished')
    t.match(finished, [{ status: 'error', error: { code, message } }])
    t.match(lastOf(events, 'execution.completed'), { finishReason: 'stop' })
    const content = events.find((event) => event.type === 'message.completed') as { content: string }
    t.match(content.content, new RegExp(`^The tool ${name} failed: [^:]`), 'and the model sees the error')
  }
})

t.test('failures are logged once, without a stack where the reason is known', async (t) => {
  const request = makeRequest('a private word [[sim:500]]')
  await run(origin, request)
  const lines = log.filter(({ executionId, level }) => executionId === request.executionId && Number(level) >= 40)
  t.match(lines, [{ msg: '[Runtime] execution failed', code: 'LLM_UNAVAILABLE', origin: 'llm' }])
  t.equal(lines.length, 1)
  t.notMatch(JSON.stringify(lines), /private word|stack/)
})

t.test('when the answer as a whole fails, its status and code say how', async (t) => {
  const statuses: [fault: string, status: number, code: string][] = [
    ['429', 429, 'LLM_RATE_LIMITED'],
    ['500', 502, 'LLM_UNAVAILABLE'],
    ['hang', 504, 'DEADLINE_EXCEEDED']
  ]
  for (const [fault, status, code] of statuses) {
    const headers = { 'x-request-timeout-ms': '1500' }
    const response = await post(origin, makeRequest(`Hi [[sim:${fault}]]`), { path: '/api/v1/execute', headers })
    t.equal(response.status, status, code)
    t.match(await response.json(), { success: false, error: { code } })
  }
})
