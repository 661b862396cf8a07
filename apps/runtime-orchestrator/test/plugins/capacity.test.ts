import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, post, readStream, run } from '../helpers/execute.ts'
import { AUTHORIZED, startApp } from '../helpers/start-app.ts'

const simulator = await startSimulator(t)

async function gauge(origin: string, name: string): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

t.test('the 51st execution is refused before any event, and the 50 are not disturbed', async (t) => {
  const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })
  t.equal(await gauge(origin, 'runtime_execution_in_flight_limit'), 50)
  const requests = Array.from({ length: 50 }, () => makeRequest('Wait [[sim:delay=60000]]'))
  const streams = await Promise.all(requests.map(async (request) => readStream(await post(origin, request))))
  await Promise.all(streams.map((stream) => stream.until('execution.started')))
  t.equal(await gauge(origin, 'runtime_execution_in_flight'), 50)
  await waitFor(async () => (await simulator.stats()).open === 50, { what: '50 model calls' })

  for (const path of ['/api/v1/execute/stream', '/api/v1/execute', '/internal/probe']) {
    const refused = await post(origin, path === '/internal/probe' ? '' : makeRequest('One more'), { path })
    t.equal(refused.status, 503, path)
    t.equal(refused.headers.get('retry-after'), '1')
    t.match(await refused.json(), {
      success: false,
      error: { code: 'RUNTIME_OVERLOADED', message: 'All 50 places for executions are taken.' }
    })
  }
  t.equal((await simulator.stats()).started, 50, 'no model call was made for them')

  const again = readStream(await post(origin, requests[0]))
  t.match(await again.next(), { type: 'execution.started' }, 'to come again for a running one needs no place')

  await Promise.all(
    requests.map(({ executionId }) => post(origin, '', { path: `/api/v1/executions/${executionId}/cancel` }))
  )
  for (const stream of streams) lastOf(await stream.all(), 'execution.cancelled')
  t.equal(await gauge(origin, 'runtime_execution_in_flight'), 0, 'all places are free again')
  t.match(lastOf(await run(origin, makeRequest('One more')), 'execution.completed'), { finishReason: 'stop' })
})

t.test('a failed execution gives its place back', async (t) => {
  const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, RUNTIME_MAX_CONCURRENT_EXECUTIONS: '1' })
  for (let count = 0; count < 3; count++) lastOf(await run(origin, makeRequest('Hi [[sim:400]]')), 'execution.failed')
  t.equal(await gauge(origin, 'runtime_execution_in_flight'), 0)
})

t.test('a probe runs an execution without a model', async (t) => {
  await simulator.reset()
  const { origin, log } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })
  const response = await post(origin, '', { path: '/internal/probe', headers: AUTHORIZED })
  t.equal(response.status, 200)
  t.match(await response.json(), {
    success: true,
    data: { instance: /-\d+-[0-9a-f]{6}$/, latencyMs: Number, inFlight: 0, inFlightLimit: 50 }
  })
  t.equal((await simulator.stats()).started, 0)
  t.notOk(
    log.some(({ msg }) => String(msg).includes('execution')),
    'and is not logged as one'
  )
})
