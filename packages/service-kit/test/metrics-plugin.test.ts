import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { Registry } from '@prometheus-io/client'
import { createChatMetrics, createServiceMetrics, METRICS } from '@semibot/metrics'
import t, { type Test } from 'tap'
import { fetch } from 'undici'
import { createSseWriter, metricsPlugin, StartupError } from '../src/index.ts'
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

const FORMS: readonly (readonly [accept: string, open: boolean])[] = [
  ['', false],
  ['*/*', false],
  ['text/plain', false],
  ['application/openmetrics-text; version=1.0.0', true],
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    true
  ],
  ['text/plain, application/openmetrics-text;q=0.2', false],
  ['application/openmetrics-text;q=0', false],
  ['application/openmetrics-text;q=x', false]
]

t.test('who asks for OpenMetrics gets it, with the traces of the buckets', async (t) => {
  const registry = new Registry()
  const metrics = createChatMetrics(registry)
  metrics.executionFinished('direct_llm', { ok: true, latencyMs: 7, traceId: 'a'.repeat(32) })
  const { url } = await startServer(t, (app) => app.register(metricsPlugin, { registry, exemplars: metrics.exemplars }))
  for (const [accept, open] of FORMS) {
    const page = await fetch(`${url}/metrics`, accept === '' ? {} : { headers: { accept } })
    const text = await page.text()
    t.match(
      page.headers.get('content-type'),
      open ? 'application/openmetrics-text; version=1.0.0' : 'text/plain',
      accept
    )
    t.equal(text.endsWith('# EOF\n'), open, accept)
    t.equal(text.includes(`# {trace_id="${'a'.repeat(32)}"} 7 `), open, accept)
    t.match(text, 'chat_execution_total{mode="direct_llm"} 1\n', accept)
  }
})

t.test('with a port of its own the page is there and nowhere else', async (t) => {
  const registry = new Registry()
  createServiceMetrics(registry, { version: '1.0.0' })
  const { url, lines, app } = await startServer(t, (app) =>
    app.register(metricsPlugin, {
      registry,
      token: 'a-token-of-the-operator',
      separate: { host: '127.0.0.1', port: 0 }
    })
  )
  t.equal((await fetch(`${url}/metrics`)).status, 404)
  const port = lines.find((line) => line.msg === 'metrics have a port of their own')?.port
  const own = `http://127.0.0.1:${String(port)}`
  const headers = { authorization: 'Bearer a-token-of-the-operator' }
  const page = await fetch(`${own}/metrics?a=b`, { headers })
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), 'text/plain; version=0.0.4')
  t.match(await page.text(), 'service_build_info{version="1.0.0"} 1')
  const refused = await fetch(`${own}/metrics`)
  t.match([refused.status, await refused.json()], [401, { error: { code: 'UNAUTHENTICATED' } }])
  for (const [method, path] of [
    ['GET', '/'],
    ['GET', '/health'],
    ['POST', '/metrics']
  ] as const) {
    const none = await fetch(`${own}${path}`, { method, headers })
    t.match([none.status, await none.json()], [404, { error: { code: 'NOT_FOUND' } }], `${method} ${path}`)
  }
  await app.close()
  await t.rejects(fetch(`${own}/metrics`), 'it closes with the server')
})

t.test('a port that is taken stops the start and is named', async (t) => {
  const other = createTcpServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const registry = new Registry()
  const started = startServer(t, (app) =>
    app.register(metricsPlugin, { registry, separate: { host: '127.0.0.1', port } })
  )
  await t.rejects(started, StartupError)
  await t.rejects(started, {
    message: `Port ${port} on 127.0.0.1 is already in use. Stop the process that uses it, or set METRICS_PORT to a free port.`
  })
})

t.test('figures that cannot be read are an error, not an empty page', async (t) => {
  const collect = () => Promise.reject(new Error('a worker is gone'))
  const registry = new Registry()
  const { url, lines } = await startServer(t, (app) =>
    app.register(metricsPlugin, { registry, collect, separate: { host: '127.0.0.1', port: 0 } })
  )
  t.equal((await fetch(`${url}/health`)).status, 404)
  const { port } = lines.find((line) => line.msg === 'metrics have a port of their own') ?? {}
  const page = await fetch(`http://127.0.0.1:${String(port)}/metrics`)
  t.match([page.status, await page.json()], [500, { error: { code: 'INTERNAL' } }])
})
