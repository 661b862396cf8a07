import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, makeToolRequest, post, readStream, run, shapeOf } from '../../helpers/execute.ts'
import { fastest } from '../../helpers/fastest.ts'
import { startApp } from '../../helpers/start-app.ts'

const simulator = await startSimulator(t, { SIMULATOR_GAP_MS: '1' })
const { origin, log } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

t.test('an agent without tools answers with one model call', async (t) => {
  const request = makeRequest('Hello [[sim:say=Good morning to you.]]')
  const response = await post(origin, request)
  t.equal(response.status, 200)
  t.match(Object.fromEntries(response.headers), {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-execution-id': request.executionId,
    'x-request-id': /./
  })
  const events = await readStream(response).all()
  t.same(shapeOf(events), [
    'execution.started',
    'message.started',
    'message.delta',
    'usage.updated',
    'message.completed',
    'execution.completed'
  ])
  t.same(
    events.map(({ seq }) => seq),
    events.map((_event, index) => index + 1),
    'events are numbered from 1 without gaps'
  )
  t.match(events[0], {
    executionId: request.executionId,
    sessionId: request.sessionId,
    messageId: request.messageId,
    mode: 'runtime_orchestrator',
    attempt: 1,
    model: 'simulator',
    instance: /-\d+-[0-9a-f]{6}$/
  })
  t.match(
    events.find(({ type }) => type === 'message.completed'),
    { content: 'Good morning to you.', finishReason: 'stop', messageId: request.messageId }
  )
  const deltas = events.flatMap((event) => (event.type === 'message.delta' ? [event.delta] : []))
  t.ok(deltas.length > 2, `${deltas.length} pieces`)
  t.equal(deltas.join(''), 'Good morning to you.', 'which are the whole text')
  const completed = lastOf(events, 'execution.completed')
  t.match(completed, { finishReason: 'stop', mode: 'runtime_orchestrator', attempts: 1 })
  t.ok(completed.usage.inputTokens > 0 && completed.usage.outputTokens > 0, 'usage is what the model counted')
})

t.test('what the model reasons is passed on', async (t) => {
  for (const request of [makeRequest('Hi [[sim:reasoning]]'), makeToolRequest('Hi [[sim:reasoning]]')]) {
    const events = await run(origin, request)
    const reasoning = events.flatMap((event) => (event.type === 'reasoning.delta' ? [event.delta] : [])).join('')
    t.equal(reasoning, 'Let me think about that.', `${request.agent.tools.length} tools`)
  }
})

t.test('both kinds of agents see the same history', async (t) => {
  const history = [
    { role: 'user' as const, content: 'my dog is called Rex' },
    { role: 'assistant' as const, content: 'Nice.' }
  ]
  const agent = { systemPrompt: 'Be brief.' }
  await run(origin, makeRequest('What did I say before?', { history, agent }))
  await run(origin, makeToolRequest('What did I say before?', { history, agent }))
  const [plain, withTools] = (await simulator.calls()).slice(-2)
  t.same(plain?.messages, [
    { role: 'system', content: 'Be brief.' },
    ...history,
    { role: 'user', content: 'What did I say before?' }
  ])
  t.same(withTools?.messages.slice(1), plain?.messages.slice(1))
  t.match(withTools?.messages[0], { role: 'system', content: /^Be brief\./ })
})

t.test('model, trace and attempt are handed on', async (t) => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  for (const make of [makeRequest, makeToolRequest]) {
    const request = make('Hello', { agent: { model: 'simulator-2', temperature: 0.5 } })
    const headers = { traceparent, 'x-attempt': '2', 'x-request-id': 'r-7', 'x-org-id': request.orgId.toUpperCase() }
    const response = await post(origin, request, { headers })
    t.equal(response.headers.get('x-request-id'), 'r-7')
    const events = await readStream(response).all()
    t.match(events[0], { model: 'simulator-2', attempt: 2, traceId: '0af7651916cd43dd8448eb211c80319c' })
    t.equal(lastOf(events, 'execution.completed').attempts, 2)
    const call = (await simulator.calls()).at(-1)
    t.match(call, { model: 'simulator-2', headers: { traceparent: /^00-0af7651916cd43dd8448eb211c80319c-/ } })
  }
  const broken = await run(origin, makeRequest('Hello'), { headers: { traceparent: 'nonsense' } })
  t.match((broken[0] as { traceId?: string }).traceId, /^[0-9a-f]{32}$/, 'a broken trace header begins a new trace')
})

t.test('the first event comes within 250 ms, before the model has said anything', async (t) => {
  for (const [name, make] of [
    ['without tools', makeRequest],
    ['with tools', makeToolRequest]
  ] as const) {
    const tookMs = await fastest(250, async () => {
      const sent = performance.now()
      const stream = readStream(await post(origin, make('Hello [[sim:delay=600]]')))
      t.match(await stream.next(), { type: 'execution.started' })
      const acceptedMs = performance.now() - sent
      lastOf(await stream.all(), 'execution.completed')
      return acceptedMs
    })
    t.ok(tookMs < 250, `agent ${name}: ${tookMs.toFixed()} ms`)
  }
})

t.test('while the model is silent, a heartbeat goes out each second', async (t) => {
  const requests = [makeRequest('Hello [[sim:delay=2600]]'), makeToolRequest('Hello [[sim:delay=2600]]')]
  const streams = await Promise.all(requests.map(async (request) => readStream(await post(origin, request))))
  for (const stream of streams) {
    lastOf(await stream.all(), 'execution.completed')
    t.same(stream.comments.slice(0, 2), ['heartbeat', 'heartbeat'])
  }
})

t.test('without streaming, the answer comes as a whole', async (t) => {
  const request = makeToolRequest('What is 17*23?')
  const response = await post(origin, request, { path: '/api/v1/execute' })
  t.equal(response.status, 200)
  t.equal(response.headers.get('x-execution-id'), request.executionId)
  t.match(await response.json(), {
    success: true,
    data: {
      executionId: request.executionId,
      content: '17*23 = 391.',
      finishReason: 'stop',
      usage: { totalTokens: Number }
    }
  })
  const rejected = await post(origin, makeRequest('Hi [[sim:400]]'), { path: '/api/v1/execute' })
  t.equal(rejected.status, 502)
  t.match(await rejected.json(), { success: false, error: { code: 'LLM_REJECTED', requestId: /./ } })
})

t.test('an answer that would not fit into one event ends with finishReason length', async (t) => {
  const events = await run(origin, makeRequest('Go on [[sim:length=100000 gap=0]]'))
  t.match(lastOf(events, 'execution.completed'), { finishReason: 'length' })
  t.match(
    events.find(({ type }) => type === 'message.completed'),
    { finishReason: 'length' }
  )
})

t.test('each execution has one line at its start and one at its end, without what was said', async (t) => {
  const request = makeToolRequest('A secret question: what is 8*8?')
  await run(origin, request)
  const lines = log.filter(({ executionId }) => executionId === request.executionId)
  const told = lines.filter(({ level }) => Number(level) >= 30)
  t.match(told, [
    {
      msg: '[Runtime] execution started',
      orgId: request.orgId,
      sessionId: request.sessionId,
      agent: 'assistant',
      tools: 3
    },
    { msg: '[Runtime] execution completed', latencyMs: Number, finishReason: 'stop', usage: { totalTokens: Number } }
  ])
  t.equal(told.length, 2)
  t.notMatch(JSON.stringify(lines), /secret question/)
})
