import { Registry } from '@prometheus-io/client'
import { createServiceMetrics, METRICS } from '@semibot/metrics'
import t, { type Test } from 'tap'
import { fetch } from 'undici'
import { createSseWriter, metricsPlugin } from '../src/index.ts'
import { openConnection, startServer, until } from './fixtures/harness.ts'

const NAME = METRICS.httpRequestDuration.name

async function measured(t: Test, token?: string) {
  const registry = new Registry()
  createServiceMetrics(registry, { version: '1.0.0' })
  const server = await startServer(t, async (app) => {
    await app.register(metricsPlugin, { registry, token })
    app.get('/items/:id', () => ({}))
    app.get('/stream', (_request, reply) => {
      createSseWriter(reply, { heartbeatMs: 60_000 }).end('data: end\n\n')
    })
    await app.register(
      async (inner) => {
        inner.get('/inner', () => ({}))
      },
      { prefix: '/nested' }
    )
  })
  return { ...server, registry }
}

t.test('requests are measured by method, route pattern and status, unknown paths together', async (t) => {
  const { url, registry } = await measured(t)
  for (const path of ['/items/1', '/items/2', '/nested/inner', '/stream', '/unknown/a?x=1', '/unknown/b']) {
    await (await fetch(`${url}${path}`)).text()
  }
  const page = await fetch(`${url}/metrics`)
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), 'text/plain; version=0.0.4')
  const text = await page.text()
  for (const [route, status, count] of [
    ['/items/:id', 200, 2],
    ['/nested/inner', 200, 1],
    ['/stream', 200, 1],
    ['unmatched', 404, 2]
  ] as const) {
    t.ok(text.includes(`${NAME}_count{method="GET",route="${route}",status_code="${status}"} ${count}\n`), route)
  }
  t.ok(text.includes('le="300"'), 'long streams have an edge')
  t.ok(text.includes('service_build_info{version="1.0.0"} 1'), 'everything of the registry is on the page')
  t.notMatch(text, /http_request_summary|unknown\//)
  t.equal(text.split(`# TYPE ${NAME} histogram`).length, 2)
  t.ok(registry.getSingleMetric(NAME))
})

t.test('two servers in one process have a registry each', async (t) => {
  const first = await measured(t)
  const second = await measured(t)
  await (await fetch(`${first.url}/items/1`)).text()
  const text = await (await fetch(`${second.url}/metrics`)).text()
  t.notMatch(text, /route="\/items\/:id"/)
})

t.test('with a token the page is for its bearer only', async (t) => {
  const { url } = await measured(t, 'a-token-of-the-operator')
  for (const authorization of [
    '',
    'Bearer',
    'Bearer wrong',
    'a-token-of-the-operator',
    'Bearer a-token-of-the-operator2'
  ]) {
    const refused = await fetch(`${url}/metrics`, { headers: { authorization } })
    t.match([refused.status, await refused.json()], [401, { error: { code: 'UNAUTHENTICATED' } }], authorization)
    t.equal(refused.headers.get('www-authenticate'), 'Bearer')
  }
  const page = await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer a-token-of-the-operator' } })
  t.equal(page.status, 200)
  const open = await measured(t, '')
  t.equal((await fetch(`${open.url}/metrics`)).status, 200, 'an empty token leaves it open')
})

t.test('a stream whose reader goes away is no request that ended', async (t) => {
  const registry = new Registry()
  let closed = false
  const { port } = await startServer(t, async (app) => {
    await app.register(metricsPlugin, { registry })
    app.get('/stream', (_request, reply) => {
      createSseWriter(reply, { heartbeatMs: 60_000, onClose: () => (closed = true) }).write('data: 1\n\n')
    })
  })
  const connection = openConnection(t, port)
  connection.get('/stream')
  await connection.received('data: 1')
  connection.socket.destroy()
  await until(() => closed, 'the server to notice')
  t.notMatch(await registry.metrics(), /route="\/stream"/)
})
