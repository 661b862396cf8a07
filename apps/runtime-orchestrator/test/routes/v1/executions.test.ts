import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, makeToolRequest, post, readStream, run, typesOf } from '../../helpers/execute.ts'
import { fastest } from '../../helpers/fastest.ts'
import { AUTHORIZED, startApp } from '../../helpers/start-app.ts'

const simulator = await startSimulator(t)
const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

const UNKNOWN = '019ab000-0000-7000-8000-00000000ffff'
const AGENTS = [
  ['without tools', makeRequest],
  ['with tools', makeToolRequest]
] as const

function get(path: string, headers: Record<string, string> = {}) {
  return fetch(`${origin}/api/v1/executions/${path}`, { headers: { ...AUTHORIZED, ...headers } })
}

function cancel(id: string, body?: object) {
  return post(origin, body ?? '', { path: `/api/v1/executions/${id}/cancel` })
}

/** Until the model server has seen all its callers leave. */
async function untilLetGo(): Promise<void> {
  await waitFor(async () => (await simulator.stats()).open === 0, { intervalMs: 5, what: 'the model to be let go' })
}

/** Calls of the test before may still be open at the model server, and would be counted. */
async function beginCounting(): Promise<void> {
  await untilLetGo()
  await simulator.reset()
}

t.test('a cancel reaches the model within 200 ms, and the caller', async (t) => {
  for (const [name, make] of AGENTS) {
    const tookMs = await fastest(200, async () => {
      await beginCounting()
      const request = make('Tell me [[sim:length=10000 gap=10]]')
      const stream = readStream(await post(origin, request))
      await stream.until('message.delta')
      t.equal((await simulator.stats()).open, 1)
      const sent = performance.now()
      const response = await cancel(request.executionId)
      await untilLetGo()
      const reachedMs = performance.now() - sent
      t.equal((await simulator.stats()).aborted, 1)
      t.equal(response.status, 202)
      t.same(await response.json(), {
        success: true,
        data: { executionId: request.executionId, status: 'cancelled' }
      })
      t.match(lastOf(await stream.all(), 'execution.cancelled'), { reason: 'user' })
      return reachedMs
    })
    t.ok(tookMs < 200, `agent ${name}: ${tookMs.toFixed()} ms`)
  }
})

t.test('so it does while the model has not said anything yet', async (t) => {
  for (const [name, make] of AGENTS) {
    const tookMs = await fastest(200, async () => {
      await beginCounting()
      const request = make('Hello [[sim:hang]]')
      const stream = readStream(await post(origin, request))
      await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the model call' })
      const sent = performance.now()
      await cancel(request.executionId, { reason: 'admin' })
      await untilLetGo()
      const reachedMs = performance.now() - sent
      const events = await stream.all()
      t.match(lastOf(events, 'execution.cancelled'), { reason: 'admin' })
      t.same(typesOf(events), ['execution.started', 'execution.cancelled'])
      return reachedMs
    })
    t.ok(tookMs < 200, `agent ${name}: ${tookMs.toFixed()} ms`)
  }
})

t.test('a cancel of an execution that has ended changes nothing', async (t) => {
  const request = makeRequest('Hello')
  await run(origin, request)
  const response = await cancel(request.executionId)
  t.equal(response.status, 202)
  t.match(await response.json(), { data: { status: 'completed' } })
  t.match(await (await get(request.executionId)).json(), { data: { status: 'completed' } })
})

t.test('a caller that goes away ends its execution, and the model call with it', async (t) => {
  for (const [name, make] of AGENTS) {
    const tookMs = await fastest(200, async () => {
      await beginCounting()
      const request = make('Tell me [[sim:length=10000 gap=10]]')
      const leave = new AbortController()
      const stream = readStream(await post(origin, request, { signal: leave.signal }))
      await stream.until('message.delta')
      const left = performance.now()
      leave.abort()
      await untilLetGo()
      const reachedMs = performance.now() - left
      t.match(await (await get(request.executionId)).json(), { data: { status: 'cancelled' } })
      return reachedMs
    })
    t.ok(tookMs < 200, `agent ${name}: ${tookMs.toFixed()} ms`)
  }
})

t.test('so does one that waits for the whole answer', async (t) => {
  await beginCounting()
  const request = makeRequest('Tell me [[sim:length=10000 gap=10]]')
  const leave = new AbortController()
  const response = post(origin, request, { path: '/api/v1/execute', signal: leave.signal })
  await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the model call' })
  leave.abort()
  await t.rejects(response)
  await untilLetGo()
  t.equal((await simulator.stats()).aborted, 1)
})

t.test('and a whole answer that is cancelled is an error', async (t) => {
  await beginCounting()
  const request = makeRequest('Tell me [[sim:length=10000 gap=10]]')
  const answer = post(origin, request, { path: '/api/v1/execute' })
  await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the model call' })
  await cancel(request.executionId)
  const response = await answer
  t.equal(response.status, 422)
  t.match(await response.json(), { error: { code: 'LIMIT_EXCEEDED', message: 'The execution was cancelled.' } })
})

t.test('the same request twice runs once, and both get all of it', async (t) => {
  await beginCounting()
  const request = makeRequest('Tell me [[sim:length=100 gap=5]]')
  const first = readStream(await post(origin, request))
  await first.until('message.delta')
  const second = readStream(await post(origin, request))
  const [one, two] = [await first.all(), await second.all()]
  t.same(two, one, 'event by event')
  lastOf(one, 'execution.completed')
  t.same(await run(origin, request), one, 'also when it comes after the end')
  t.equal((await simulator.stats()).started, 1)

  const other = await post(origin, { ...request, message: 'something else' })
  t.equal(other.status, 422)
  t.match(await other.json(), { error: { code: 'IDEMPOTENCY_MISMATCH' } }, 'another body under the same id is refused')
})

t.test('an execution goes on as long as one of its callers is there', async (t) => {
  await beginCounting()
  const request = makeRequest('Tell me [[sim:length=60 gap=10]]')
  const leave = new AbortController()
  const first = readStream(await post(origin, request, { signal: leave.signal }))
  await first.until('message.delta')
  const second = readStream(await post(origin, request))
  await second.until('message.delta')
  leave.abort()
  t.match(lastOf(await second.all(), 'execution.completed'), { finishReason: 'stop' })
})

t.test('a later attempt, or one after everybody left, is a new run', async (t) => {
  await beginCounting()
  const request = makeRequest('Hello')
  await run(origin, request)
  const events = await run(origin, request, { headers: { 'x-attempt': '2' } })
  t.match(events[0], { attempt: 2 })
  t.equal((await simulator.stats()).started, 2)

  const slow = makeRequest('Tell me [[sim:length=40 gap=5]]')
  const leave = new AbortController()
  await readStream(await post(origin, slow, { signal: leave.signal })).until('message.delta')
  leave.abort()
  await untilLetGo()
  lastOf(await run(origin, slow), 'execution.completed')

  const running = makeRequest('Tell me [[sim:hang]]')
  const before = readStream(await post(origin, running))
  await waitFor(async () => (await simulator.stats()).open === 1, { what: 'the model call' })
  const headers = { 'x-attempt': '2', 'x-request-timeout-ms': '700' }
  const after = run(origin, running, { headers })
  t.match(lastOf(await before.all(), 'execution.cancelled'), { reason: 'disconnect' }, 'which ends an earlier one')
  lastOf(await after, 'execution.failed')
})

t.test('how an execution stands can be asked', async (t) => {
  const request = makeToolRequest('What is 2*3? [[sim:delay=200]]')
  const stream = readStream(await post(origin, request))
  await stream.until('execution.started')
  const { executionId, orgId, sessionId, messageId } = request
  const ids = { executionId, orgId, sessionId, messageId, attempt: 1 }
  t.match(await (await get(executionId)).json(), {
    success: true,
    data: { ...ids, status: 'running', lastSeq: 1, endedAt: null, finishReason: null, usage: null, error: null }
  })
  const events = await stream.all()
  const { usage } = lastOf(events, 'execution.completed')
  const completed = { ...ids, status: 'completed', lastSeq: events.length, finishReason: 'stop', usage, error: null }
  t.match(await (await get(executionId)).json(), { data: { ...completed, endedAt: /Z$/, startedAt: /Z$/ } })

  const failing = makeRequest('Hi [[sim:400]]')
  await run(origin, failing)
  const { data } = (await (await get(failing.executionId)).json()) as { data: object }
  t.match(data, { status: 'failed', error: { code: 'LLM_REJECTED', origin: 'llm', message: /./ } })
})

t.test('events can be read from any place, while it runs and afterwards', async (t) => {
  const request = makeRequest('Tell me [[sim:length=50 gap=10]]')
  const first = readStream(await post(origin, request))
  await first.until('message.delta')
  const follower = readStream(await get(`${request.executionId}/events?after=1`))
  const all = await first.all()
  t.same(await follower.all(), all.slice(1), 'while it runs')

  t.same(await readStream(await get(`${request.executionId}/events`)).all(), all, 'from the start')
  const byHeader = await get(`${request.executionId}/events`, { 'last-event-id': '7' })
  t.same(await readStream(byHeader).all(), all.slice(7), 'after Last-Event-ID')
  const last = await get(`${request.executionId}/events?after=${all.length}`)
  t.same(await readStream(last).all(), [], 'from its end')
  t.same(await readStream(await get(`${request.executionId}/events?after=99999`)).all(), [], 'from beyond its end')
})

t.test('whoever only follows an execution neither keeps it going nor ends it', async (t) => {
  await beginCounting()
  const request = makeRequest('Tell me [[sim:length=60 gap=10]]')
  const stream = readStream(await post(origin, request))
  await stream.until('message.delta')
  const leave = new AbortController()
  const headers = AUTHORIZED
  const url = `${origin}/api/v1/executions/${request.executionId}/events`
  await readStream(await fetch(url, { headers, signal: leave.signal })).until('message.delta')
  leave.abort()
  t.match(lastOf(await stream.all(), 'execution.completed'), { finishReason: 'stop' })
})

t.test('events that are no longer kept are gone while it runs; afterwards the whole message is there', async (t) => {
  const request = makeRequest('Tell me [[sim:length=3000 gap=0]] [[sim:stall=2600]]')
  const stream = readStream(await post(origin, request, { headers: { 'x-request-timeout-ms': '3000' } }))
  const lastSeq = async () =>
    ((await (await get(request.executionId)).json()) as { data: { lastSeq: number } }).data.lastSeq
  await waitFor(async () => (await lastSeq()) > 2_100, { what: 'more events than are kept' })
  const response = await get(`${request.executionId}/events?after=3`)
  t.equal(response.status, 410)
  t.match(await response.json(), {
    error: { code: 'EVENTS_EXPIRED', message: /^Events before number \d+ are no longer kept\.$/ }
  })
  const failed = await stream.all()
  t.match(lastOf(failed, 'execution.failed').error, { code: 'DEADLINE_EXCEEDED' })
  t.ok(failed.length > 2_600, 'a reader that keeps up misses nothing')

  const whole = makeRequest('Tell me [[sim:length=3000 gap=0]]')
  const events = await run(origin, whole)
  t.same(
    await readStream(await get(`${whole.executionId}/events?after=3`)).all(),
    events.filter(({ type }) => ['execution.started', 'message.completed', 'execution.completed'].includes(type))
  )
})

t.test('an execution is known only to its organisation', async (t) => {
  const request = makeRequest('Hello')
  await run(origin, request)
  const other = { 'x-org-id': UNKNOWN }
  for (const path of [request.executionId, `${request.executionId}/events`])
    t.equal((await get(path, other)).status, 404, path.replace(request.executionId, ':id'))
  const path = `/api/v1/executions/${request.executionId}/cancel`
  t.equal((await post(origin, {}, { path, headers: other })).status, 404, 'cancel')
  t.equal((await get(request.executionId, { 'x-org-id': request.orgId })).status, 200)
  const capitals = { 'x-org-id': request.orgId.toUpperCase() }
  t.equal((await get(request.executionId.toUpperCase(), capitals)).status, 200, 'in capitals as well')
})
