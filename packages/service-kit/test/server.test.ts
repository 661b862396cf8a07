import { LIMITS } from '@semibot/chat-protocol'
import t from 'tap'
import { fetch } from 'undici'
import { z } from 'zod'
import { createSseWriter, RequestError, type Server } from '../src/index.ts'
import { openConnection, startServer } from './fixtures/harness.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

interface ErrorBody {
  success: false
  error: { code: string; message: string; requestId: string; details?: { path: string; message: string }[] }
}

function routes(app: Server): void {
  app.post(
    '/items',
    { schema: { body: z.strictObject({ message: z.string().min(1), n: z.int().optional() }) } },
    (request) => ({
      got: request.body
    })
  )
  app.post('/free', (request) => ({ got: request.body ?? null, type: typeof request.body }))
  app.get(
    '/items/:id',
    { schema: { params: z.object({ id: z.uuid() }), querystring: z.object({ limit: z.coerce.number().max(100) }) } },
    () => ({})
  )
  app.get('/address', (request) => ({ ip: request.ip }))
  app.get('/crash', () => {
    throw Object.assign(new Error('password is hunter2'), { stack: 'a stack' })
  })
  app.get('/crash-async', async () => Promise.reject('only text'))
  app.get('/crash-undefined', async () => Promise.reject(undefined))
  app.get('/foreign-404', () => {
    throw Object.assign(new Error('internal words'), { statusCode: 404 })
  })
  app.get('/foreign-503', () => {
    throw Object.assign(new Error('internal words'), { statusCode: 503 })
  })
  app.get('/refused', () => {
    throw new RequestError('OVERLOADED', 'Try later.', {
      retryAfterSeconds: 1.2,
      headers: { 'x-more': '1' },
      cause: new Error('why')
    })
  })
  app.get('/mapped', () => {
    throw Object.assign(new Error('internal words'), { name: 'DatabaseUnavailableError' })
  })
  app.get('/wrong-answer', { schema: { response: { 200: z.object({ n: z.int() }) } } }, () => ({ n: 'x' }) as never)
  app.get('/own-errors', { schema: { response: { '4xx': z.object({ other: z.string() }) } } }, () => {
    throw new RequestError('FORBIDDEN', 'Not for you.')
  })
  app.get('/late-throw', async (_request, reply) => {
    createSseWriter(reply, { heartbeatMs: 60_000 }).write('data: begun\n\n')
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    throw new Error('too late')
  })
  app.get('/late-throw-sync', (_request, reply) => {
    reply.hijack()
    throw new Error('too late')
  })
}

const started = startServer(t, routes, {
  mapError: (error) =>
    (error as Error | undefined)?.name === 'DatabaseUnavailableError'
      ? new RequestError('OVERLOADED', 'The database cannot be reached now.')
      : undefined
})

async function call(path: string, init?: Parameters<typeof fetch>[1]) {
  const { url } = await started
  const response = await fetch(`${url}${path}`, init)
  return { status: response.status, headers: response.headers, body: (await response.json()) as ErrorBody }
}

const post = (path: string, body: string | Buffer, headers: Record<string, string> = JSON_TYPE) =>
  call(path, { method: 'POST', headers, body })

t.test('every answer carries a request id: a decent one of the caller, else a new one', async (t) => {
  const given = await call('/address', { headers: { 'x-request-id': 'abc-123_X' } })
  t.equal(given.headers.get('x-request-id'), 'abc-123_X')
  for (const bad of ['x'.repeat(65), 'a b', 'a;b', '<script>', '']) {
    const { headers } = await call('/address', { headers: { 'x-request-id': bad } })
    t.match(headers.get('x-request-id'), /^[0-9a-f-]{36}$/, `instead of ${bad.slice(0, 20)}`)
  }
  const missing = await call('/nothing/here')
  t.equal(missing.body.error.requestId, missing.headers.get('x-request-id'), 'errors repeat it in the body')
})

const REFUSALS: [string, () => ReturnType<typeof call>, number, string, RegExp][] = [
  ['unknown path', () => call('/nope?token=abc'), 404, 'NOT_FOUND', /^There is no GET \/nope\.$/],
  ['unknown method', () => call('/items', { method: 'DELETE' }), 404, 'NOT_FOUND', /DELETE \/items/],
  ['OPTIONS without CORS', () => call('/items/x', { method: 'OPTIONS' }), 404, 'NOT_FOUND', /OPTIONS/],
  ['malformed URL', () => call('/%zz'), 400, 'VALIDATION_FAILED', /URL is not valid/],
  ['very long parameter', () => call(`/items/${'x'.repeat(201)}`), 414, 'VALIDATION_FAILED', /too long/],
  ['malformed JSON', () => post('/items', '{"message":'), 400, 'VALIDATION_FAILED', /not valid JSON/],
  ['empty JSON where one is needed', () => post('/items', ''), 400, 'VALIDATION_FAILED', /^body: .*expected object/],
  ['invalid UTF-8', () => post('/items', Buffer.from([0x22, 0xff, 0x22])), 400, 'VALIDATION_FAILED', /UTF-8/],
  ['depth bomb', () => post('/items', '['.repeat(100_000)), 400, 'VALIDATION_FAILED', /nested deeper/],
  ['__proto__', () => post('/items', '{"__proto__":{}}'), 400, 'VALIDATION_FAILED', /__proto__/],
  [
    'text body',
    () => post('/items', 'hi', { 'content-type': 'text/plain' }),
    415,
    'VALIDATION_FAILED',
    /application\/json/
  ],
  [
    'form body',
    () => post('/items', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
    415,
    'VALIDATION_FAILED',
    /application\/json/
  ],
  [
    'body over the limit',
    () => post('/items', `"${'x'.repeat(LIMITS.bodyBytes)}"`),
    413,
    'PAYLOAD_TOO_LARGE',
    /1048576 bytes/
  ],
  ['error of another plugin', () => call('/foreign-404'), 404, 'NOT_FOUND', /^There is no such resource\.$/],
  ['server error of another plugin', () => call('/foreign-503'), 500, 'INTERNAL', /on our side/],
  ['unexpected error', () => call('/crash'), 500, 'INTERNAL', /^Something went wrong on our side\.$/],
  ['thrown text', () => call('/crash-async'), 500, 'INTERNAL', /on our side/],
  ['thrown undefined', () => call('/crash-undefined'), 500, 'INTERNAL', /on our side/],
  ['answer that breaks its schema', () => call('/wrong-answer'), 500, 'INTERNAL', /on our side/],
  ['error on a route with error shapes of its own', () => call('/own-errors'), 403, 'FORBIDDEN', /Not for you/],
  ['error that the app knows', () => call('/mapped'), 503, 'OVERLOADED', /database cannot be reached/]
]

t.test('every refusal has its status, code and message in the envelope', async (t) => {
  for (const [name, request, status, code, message] of REFUSALS) {
    const answer = await request()
    t.match(answer, { status, body: { success: false, error: { code, message } } }, name)
    t.match(answer.headers.get('content-type'), 'application/json', name)
    t.equal(answer.headers.get('x-request-id'), answer.body.error.requestId, name)
    t.notMatch(
      JSON.stringify(answer.body),
      /hunter2|internal words|only text|stack|node_modules|\.ts/,
      `${name} leaks nothing`
    )
  }
})

t.test('HEAD never starts what GET does', async (t) => {
  const { url } = await started
  t.equal((await fetch(`${url}/late-throw`, { method: 'HEAD' })).status, 404)
})

t.test('a RequestError speaks for itself', async (t) => {
  const { status, headers, body } = await call('/refused')
  t.equal(status, 503)
  t.equal(headers.get('retry-after'), '2')
  t.equal(headers.get('x-more'), '1')
  t.match(body.error, { code: 'OVERLOADED', message: 'Try later.' })
})

t.test('a schema violation lists every field', async (t) => {
  const { body } = await post('/items', '{"message":"","n":1.5,"extra":true}')
  t.strictSame(body.error.details?.map((detail) => detail.path).toSorted(), ['extra', 'message', 'n'])
  t.match(body.error.message, /^message: .+ \(and 2 more\)\.$/)
  const query = await call('/items/0198a2b4-7c1e-7000-8000-0123456789ab?limit=1000')
  t.strictSame(
    query.body.error.details?.map((detail) => detail.path),
    ['query.limit']
  )
  const params = await call('/items/not-a-uuid?limit=1')
  t.strictSame(
    params.body.error.details?.map((detail) => detail.path),
    ['params.id']
  )
  const many = await post(
    '/items',
    JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, 1])))
  )
  t.equal(many.body.error.details?.length, 20, 'but not more than can be read')
})

t.test('good bodies arrive, an empty one as none', async (t) => {
  t.match((await post('/items', '{"message":"你好"}')).body, { got: { message: '你好' } })
  t.match((await post('/free', '')).body, { got: null })
  t.match((await post('/items', '{"message":"x"}', { 'content-type': 'application/json; charset=utf-8' })).body, {
    got: {}
  })
  t.match((await call('/free', { method: 'POST' })).body, { got: null }, 'without content type as well')
})

t.test('what is our own fault is logged with its cause, the rest is not', async (t) => {
  const { lines } = await started
  await call('/crash', { headers: { 'x-request-id': 'crash-1' } })
  await call('/nope', { headers: { 'x-request-id': 'nope-1' } })
  const of = (requestId: string) => lines.filter((line) => line.requestId === requestId)
  t.match(of('crash-1'), [
    { level: 50, err: { message: 'password is hunter2' }, msg: 'request failed unexpectedly' },
    { level: 50, method: 'GET', route: '/crash', status: 500, msg: 'request answered' }
  ])
  t.match(of('nope-1'), [{ level: 20, route: 'unmatched', status: 404 }])
})

t.test('an error after the answer has begun breaks the connection instead of leaving it silent', async (t) => {
  const { port, lines } = await started
  for (const path of ['/late-throw', '/late-throw-sync']) {
    const connection = openConnection(t, port)
    connection.get(path)
    await connection.ended()
    t.notMatch(connection.text, '\r\n0\r\n\r\n', `${path} does not look complete`)
  }
  t.equal(lines.filter((line) => line.msg === 'request failed after its answer had begun').length, 2)
  t.equal(lines.filter((line) => String(line.msg).includes('reply.sent')).length, 0)
})

t.test('forwarded addresses are believed from configured proxies only', async (t) => {
  const forwarded = { headers: { 'x-forwarded-for': '203.0.113.7' } }
  t.match((await call('/address', forwarded)).body, { ip: '127.0.0.1' })
  for (const [trustProxy, ip] of [
    [['127.0.0.1'], '203.0.113.7'],
    [['10.0.0.0/8'], '127.0.0.1'],
    [[], '127.0.0.1']
  ] as const) {
    const { url } = await startServer(t, routes, { trustProxy: [...trustProxy] })
    t.match(await (await fetch(`${url}/address`, forwarded)).json(), { ip }, `trusting ${trustProxy}`)
  }
})

t.test('what is no HTTP gets an answer in the envelope and a closed connection', async (t) => {
  const { port } = await started
  for (const [sent, status] of [
    ['hello\r\n\r\n', '400 Bad Request'],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, '431 Request Header Fields Too Large']
  ] as const) {
    const connection = openConnection(t, port)
    connection.send(sent)
    await connection.ended()
    t.match(connection.text, new RegExp(`^HTTP/1\\.1 ${status}\\r\\n`))
    t.match(JSON.parse(connection.text.split('\r\n\r\n')[1]!), { success: false, error: { code: 'VALIDATION_FAILED' } })
  }
  const later = openConnection(t, port)
  later.get('/address')
  await later.received('127.0.0.1')
  later.send('garbage\r\n\r\n')
  await later.ended()
  t.equal(later.text.split('HTTP/1.1').length, 2, 'after an answer nothing more is written')
})

t.test('a half-open request is ended with 408', async (t) => {
  const { port } = await startServer(t, routes, { headersTimeoutMs: 100, requestTimeoutMs: 200 })
  const head = openConnection(t, port)
  head.send('GET / HTTP/1.1\r\nhost: ')
  const body = openConnection(t, port)
  body.send('POST /items HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a"')
  await Promise.all([head.ended(), body.ended()])
  t.match(head.text, /^HTTP\/1\.1 408 Request Timeout\r\n/)
  t.match(body.text, /^HTTP\/1\.1 408 Request Timeout\r\n/)
})
