import { startTraceCollector } from '@semibot/stack'
import t from 'tap'
import { fetch } from 'undici'
import { createSseWriter, createTracing, RequestError, traceIdOf } from '../../src/index.ts'
import { openConnection, startServer, until } from '../fixtures/harness.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

t.test('a request has the trace context of its caller, with tracing or without', async (t) => {
  const seen: string[] = []
  const { url, lines } = await startServer(t, (app) =>
    app.get('/', (request) => {
      seen.push(request.traceparent, request.traceparent)
      throw new Error('our fault')
    })
  )
  await fetch(url, { headers: { traceparent: PARENT } })
  await fetch(url, { headers: { traceparent: 'broken' } })
  t.strictSame(seen.slice(0, 2), [PARENT, PARENT])
  t.match(seen[2], /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  t.equal(seen[3], seen[2], 'and keeps it')
  const logged = () => lines.filter(({ msg }) => msg === 'request failed unexpectedly' || msg === 'request answered')
  await until(() => logged().length === 4, 'four lines')
  t.strictSame(
    logged().map(({ traceId }) => traceId),
    [PARENT, PARENT, String(seen[2]), String(seen[2])].map(traceIdOf),
    'and its log lines name the trace'
  )
})

t.test('with tracing every request is a span, but those of machines', async (t) => {
  const collector = await startTraceCollector()
  t.teardown(() => collector.stop())
  const service = { serviceName: 's', version: '1', instanceId: 'i' }
  const tracing = await createTracing({ ...service, endpoint: collector.url, delayMs: 5 })
  t.teardown(() => tracing.close())
  const contexts: string[] = []
  const configure = (app: Parameters<Parameters<typeof startServer>[1]>[0]) => {
    app.get('/things/:id', ({ traceparent }) => {
      contexts.push(traceparent)
      return {}
    })
    app.get('/broken', () => {
      throw new RequestError('OVERLOADED', 'not now')
    })
    app.get('/health', () => ({}))
    app.get('/stream', (_request, reply) => {
      createSseWriter(reply, { heartbeatMs: 60_000 }).write('data: 1\n\n')
    })
  }
  const { url, port } = await startServer(t, configure, { tracing })
  await fetch(`${url}/health`)
  await fetch(`${url}/things/7?token=secret`, { headers: { traceparent: PARENT } })
  await fetch(`${url}/broken`)
  await fetch(`${url}/nowhere`, { method: 'POST' })
  const connection = openConnection(t, port)
  connection.get('/stream')
  await connection.received('data: 1')
  connection.socket.destroy()
  await until(
    () => collector.spans.length === 4,
    () => `four spans: ${collector.spans.map(({ name }) => name).join()}`
  )
  const of = (name: string) => collector.spans.find((span) => span.name === name)
  t.match(of('GET /things/:id'), {
    traceId: traceIdOf(PARENT),
    parentSpanId: 'b7ad6b7169203331',
    kind: 'server',
    failed: false,
    attributes: {
      'http.request.method': 'GET',
      'http.route': '/things/:id',
      'http.response.status_code': 200,
      'url.path': '/things/7',
      'url.scheme': 'http'
    }
  })
  t.equal(contexts[0], `00-${traceIdOf(PARENT)}-${of('GET /things/:id')?.spanId}-01`, 'the handler sees its span')
  t.match(of('GET /broken'), { failed: true, attributes: { 'error.type': '503' }, parentSpanId: '' })
  t.match(of('POST'), { failed: false, attributes: { 'http.response.status_code': 404, 'url.path': '/nowhere' } })
  t.ok(of('GET /stream'), 'a stream that nobody reads to its end is one, too')
  t.notMatch(JSON.stringify(collector.spans), 'secret')
})
