import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { type HealthEntry, RuntimeHealthPoller } from '../../src/adapters/runtime-health.ts'

async function startHealth(t: Test, status: number | 'silent') {
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    if (status !== 'silent') response.writeHead(status).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked }
}

function createPoller(t: Test, instances: () => string[], mayAsk = () => true) {
  const results: [string, HealthEntry][] = []
  const dispatcher = new Agent()
  t.teardown(() => dispatcher.destroy())
  const poller = new RuntimeHealthPoller({
    dispatcher,
    instances,
    mayAsk,
    onResult: (instance, entry) => results.push([instance, entry]),
    intervalMs: 60_000,
    timeoutMs: 1000
  })
  return { poller, results }
}

t.test('every instance is asked, and each kind of trouble is told apart', async (t) => {
  const good = await startHealth(t, 200)
  const bad = await startHealth(t, 500)
  const silent = await startHealth(t, 'silent')
  const gone = 'http://127.0.0.1:1'
  const { poller, results } = createPoller(t, () => [good.url, bad.url, silent.url, gone])
  await poller.pollOnce()
  t.equal(results.length, 4)
  t.match(Object.fromEntries(poller.healthCheckCache), {
    [good.url]: { healthy: true, detail: '' },
    [bad.url]: { healthy: false, detail: 'answered 500' },
    [silent.url]: { healthy: false, detail: 'no answer within 1000 ms' },
    [gone]: { healthy: false, detail: 'not reachable' }
  })
})

t.test('an instance that left the list is forgotten', async (t) => {
  const one = await startHealth(t, 200)
  const two = await startHealth(t, 200)
  let instances = [one.url, two.url]
  const { poller } = createPoller(t, () => instances)
  await poller.pollOnce()
  instances = [two.url]
  await poller.pollOnce()
  t.same([...poller.healthCheckCache.keys()], [two.url])
})

t.test('while nothing may be sent to the runtime nothing is asked', async (t) => {
  const one = await startHealth(t, 200)
  const { poller, results } = createPoller(
    t,
    () => [one.url],
    () => false
  )
  await poller.pollOnce()
  t.equal(one.asked(), 0)
  t.same(results, [])
})
