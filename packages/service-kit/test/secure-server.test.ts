import { once } from 'node:events'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { makeCertificate, type TestCertificate, waitFor } from '@semibot/stack/test'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import {
  createDrain,
  createServer,
  createSseWriter,
  cutOff,
  readAuthorities,
  readTls,
  replaceCertificate,
  type SseWriter,
  StartupError
} from '../src/index.ts'

const authority = makeCertificate({ commonName: 'Authority' })
const leaf = makeCertificate({ issuer: authority })

async function start(t: Test, graceMs = 0) {
  const folder = t.testdir({ 'cert.pem': leaf.cert, 'key.pem': leaf.key })
  const tls = readTls(filesOf(folder))
  const app = createServer({ logger: pino({ level: 'silent' }), tls })
  const drain = createDrain({ graceMs, flushMs: 500 })
  drain.hook(app)
  const writers: SseWriter[] = []
  app.get('/version', async ({ raw }) => ({ version: raw.httpVersion }))
  app.post('/echo', async ({ body }) => body as object)
  app.get('/events', (_request, reply) => {
    const writer = createSseWriter(reply, { heartbeatMs: 50 })
    writers.push(writer)
    drain.track({ raw: writer.raw, finish: () => writer.end('data: last\n\n') })
    writer.write('data: first\n\n')
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const agent = new Agent({ allowH2: true, connect: { ca: authority.cert } })
  t.teardown(() => agent.destroy())
  return { app, drain, writers, folder, origin: `https://127.0.0.1:${port}`, port, agent }
}

function filesOf(folder: string) {
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  return { certFile, keyFile, certKey: 'THE_CERT', keyKey: 'THE_KEY' }
}

/** One request by HTTP/1.1, as curl --http1.1 makes it. */
async function getByHttp1(url: string): Promise<{ status: number; text: string; headers: NodeJS.Dict<unknown> }> {
  const call = get(url, { ca: authority.cert, agent: false })
  const [response] = (await once(call, 'response')) as [import('node:http').IncomingMessage]
  let text = ''
  for await (const piece of response) text += piece
  return { status: response.statusCode ?? 0, text, headers: response.headers }
}

async function handshake(port: number, ALPNProtocols: string[]): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.cert, ALPNProtocols })
  await once(socket, 'secureConnect')
  return socket
}

t.test('HTTP/2 and HTTP/1.1 on one port, as the client chooses', async (t) => {
  const { origin, agent, port } = await start(t)
  const second = await request(`${origin}/version`, { dispatcher: agent })
  t.same(await second.body.json(), { version: '2.0' })
  t.match(second.headers['x-request-id'], /^[\w-]{36}$/)
  t.same(JSON.parse((await getByHttp1(`${origin}/version`)).text), { version: '1.1' })
  const echoed = await request(`${origin}/echo`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}'
  })
  t.same(await echoed.body.json(), { a: 1 })
  for (const [offered, chosen] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1']
  ] as const) {
    const socket = await handshake(port, [...offered])
    t.equal(socket.alpnProtocol, chosen)
    socket.destroy()
  }
})

t.test('errors come in the envelope over HTTP/2 as well', async (t) => {
  const { origin, agent } = await start(t)
  const missing = await request(`${origin}/nothing`, { dispatcher: agent })
  t.equal(missing.statusCode, 404)
  t.match(await missing.body.json(), { success: false, error: { code: 'NOT_FOUND' } })
})

t.test('an event stream over HTTP/2: at once, with heartbeats, to its end', async (t) => {
  const { origin, agent, writers } = await start(t)
  const { headers, body } = await request(`${origin}/events`, { dispatcher: agent })
  t.match(headers['content-type'], /^text\/event-stream/)
  let text = ''
  body.on('data', (piece) => {
    text += piece
  })
  await waitFor(() => /data: first\n\n[\s\S]*: heartbeat/.test(text), { what: 'the first event and a heartbeat' })
  writers[0]!.write('data: ä漢\n\n')
  writers[0]!.end('data: last\n\n')
  await once(body, 'end')
  t.match(text, /data: ä漢\n\ndata: last\n\n$/)
  await writers[0]!.closed
  t.ok(writers[0]!.raw.writableFinished)
})

t.test('a reader over HTTP/2 that leaves is noticed, one that does not read is congestion', async (t) => {
  const { origin, agent, writers } = await start(t)
  const leaving = new AbortController()
  const { body } = await request(`${origin}/events`, { dispatcher: agent, signal: leaving.signal })
  body.on('error', () => {})
  const writer = writers[0]!
  const big = `data: ${'x'.repeat(64 * 1024)}\n\n`
  await waitFor(() => writer.congested || !writer.write(big), { what: 'congestion' })
  let drained = 0
  writer.onDrained(() => drained++)
  body.resume()
  await waitFor(() => drained === 1, { what: 'the reader to have caught up' })
  leaving.abort()
  await writer.closed
  t.ok(writer.ended)
})

t.test('a stream that is cut over HTTP/2 does not look like one that has ended', async (t) => {
  const { origin, agent, writers } = await start(t)
  const { body } = await request(`${origin}/events`, { dispatcher: agent })
  cutOff(writers[0]!.raw)
  await t.rejects(body.text())
})

t.test(
  'closing: open streams get their last event, others on the same connection are answered meanwhile',
  async (t) => {
    const { app, drain, origin, agent, port } = await start(t, 400)
    const { body } = await request(`${origin}/events`, { dispatcher: agent })
    const text = body.text()
    const closed = app.close()
    await waitFor(() => drain.draining, { what: 'the drain' })
    const late = await request(`${origin}/version`, { dispatcher: agent })
    t.equal(late.statusCode, 200)
    t.equal(late.headers.connection, undefined)
    await late.body.dump()
    const overHttp1 = await getByHttp1(`${origin}/version`)
    t.equal(overHttp1.headers.connection, 'close')
    t.match(await text, /data: first\n\n[\s\S]*data: last\n\n$/)
    await closed
    await t.rejects(handshake(port, ['h2']), { code: 'ECONNREFUSED' })
  }
)

t.test('connections that never end cannot hold up the end', async (t) => {
  const { app, port } = await start(t)
  const idle = await handshake(port, ['h2'])
  const half = await handshake(port, ['http/1.1'])
  half.write('GET /version HTTP/1.1\r\nHost: a\r\n')
  const gone = Promise.all([idle, half].map((socket) => once(socket.on('error', () => {}).resume(), 'close')))
  await app.close()
  await gone
  t.pass('both are closed')
})

t.test('a new certificate is used for the connections that follow', async (t) => {
  const { app, port } = await start(t)
  const before = await handshake(port, ['h2'])
  const next = makeCertificate({ issuer: authority, commonName: 'Next' })
  replaceCertificate(app.server, { cert: Buffer.from(next.cert), key: Buffer.from(next.key) })
  const after = await handshake(port, ['h2'])
  t.equal(before.getPeerCertificate().subject.CN, 'Semibot test')
  t.equal(after.getPeerCertificate().subject.CN, 'Next')
  t.equal(before.readyState, 'open')
  for (const socket of [before, after]) socket.destroy()
})

const other = makeCertificate()
const old = makeCertificate({ from: new Date(0), to: new Date(1e12) })
const future = makeCertificate({ from: new Date(Date.now() + 1e8), to: new Date(Date.now() + 2e8) })
const BAD: [what: string, pair: Partial<TestCertificate>, says: RegExp][] = [
  ['no certificate file', { key: leaf.key }, /^THE_CERT: .*cert\.pem cannot be read: there is no such file\.$/],
  ['no key file', { cert: leaf.cert }, /^THE_KEY: .*key\.pem cannot be read: there is no such file\.$/],
  ['text', { cert: 'hello', key: leaf.key }, /^THE_CERT: .*cert\.pem holds no certificate in PEM/],
  ['a key as certificate', { cert: leaf.key, key: leaf.key }, /^THE_CERT: .*holds no certificate/],
  ['a foreign key', { cert: leaf.cert, key: other.key }, /^THE_KEY: .*key\.pem is not the private key.*THE_CERT/],
  ['no key in it', { cert: leaf.cert, key: leaf.cert }, /^THE_KEY: /],
  ['one that has expired', old, /^THE_CERT: the certificate in .* is valid until Sep .* 2001 .*only\.$/],
  ['one that is not valid yet', future, /^THE_CERT: the certificate in .* is valid from .* on\.$/]
]
for (const [what, { cert, key }, says] of BAD) {
  t.test(`${what}: refused with key, file and reason, and without a secret`, async (t) => {
    const folder = t.testdir({ ...(cert && { 'cert.pem': cert }), ...(key && { 'key.pem': key }) })
    t.throws(() => readTls(filesOf(folder)), { constructor: StartupError, message: says })
    try {
      readTls(filesOf(folder))
      t.fail('it was taken')
    } catch (error) {
      t.ok(error instanceof StartupError)
      t.match((error as Error).message, says)
      t.notMatch((error as Error).message, /PRIVATE/)
    }
  })
}

t.test('authorities are read, or refused with key and file', async (t) => {
  const folder = t.testdir({ 'ca.pem': authority.cert, 'bad.pem': 'x' })
  t.equal(readAuthorities(join(folder, 'ca.pem'), 'THE_CA').toString(), authority.cert)
  t.throws(() => readAuthorities(join(folder, 'bad.pem'), 'THE_CA'), { message: /^THE_CA: .*bad\.pem holds no/ })
  t.throws(() => readAuthorities(folder, 'THE_CA'), { message: /^THE_CA: .* it is a folder\.$/ })
})
