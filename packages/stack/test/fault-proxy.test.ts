import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { freePort } from '../src/claim.ts'
import { type Fault, faultProxy } from '../src/fault-proxy.ts'
import { waitFor } from '../src/wait-for.ts'

const ANSWER = 'x'.repeat(3000)

/** A service with its proxy, and a client that keeps its connection alive. */
async function setUp(t: Test, fault?: Fault) {
  let requests = 0
  const server = createServer((incoming, response) => {
    requests++
    incoming.resume().on('end', () => response.end(ANSWER))
  })
  server.listen(await freePort(), '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const proxy = await faultProxy({ target: `http://127.0.0.1:${port}`, ...(fault && { fault }) })
  const dispatcher = new Agent()
  t.teardown(async () => {
    await dispatcher.destroy()
    await proxy.stop()
    server.closeAllConnections()
    server.close()
  })
  const call = async (options: { signal?: AbortSignal; path?: string } = {}) => {
    const response = await request(proxy.url + (options.path ?? '/'), {
      ...options,
      dispatcher,
      method: 'POST',
      body: 'question'
    })
    return { status: response.statusCode, headers: response.headers, body: await response.body.text() }
  }
  return { proxy, call, requests: () => requests }
}

t.test('without a fault everything passes, and connections stay open', async (t) => {
  const { proxy, call } = await setUp(t)
  for (let count = 0; count < 5; count++) t.match(await call(), { status: 200, body: ANSWER })
  const { open, accepted } = proxy.connections
  t.equal(open, accepted)
  t.ok(accepted < 5, `${accepted} connections for 5 calls`)
})

t.test('refuse: open connections are reset, new ones refused, until it is over', async (t) => {
  const { proxy, call, requests } = await setUp(t)
  await call()
  await proxy.set({ kind: 'refuse' })
  await waitFor(() => proxy.connections.open === 0, { what: 'the open connection to be gone' })
  await t.rejects(call(), { code: 'ECONNREFUSED' })
  t.equal(requests(), 1, 'nothing reached the target')
  await proxy.set({ kind: 'none' })
  t.match(await call(), { status: 200 })
})

t.test('hang: nothing moves, also on an open connection, and everything arrives afterwards', async (t) => {
  const { proxy, call, requests } = await setUp(t)
  await call()
  await proxy.set({ kind: 'hang' })
  const hanging = call()
  await t.rejects(call({ signal: AbortSignal.timeout(150) }), { name: 'TimeoutError' })
  t.equal(requests(), 1, 'the target saw no further request')
  t.equal(proxy.fault.kind, 'hang')
  await proxy.set({ kind: 'none' })
  t.match(await hanging, { status: 200, body: ANSWER })
})

t.test('delay: the answer comes later', async (t) => {
  const { call } = await setUp(t, { kind: 'delay', ms: 120 })
  const started = performance.now()
  t.match(await call(), { status: 200, body: ANSWER })
  t.ok(performance.now() - started >= 119)
})

t.test('cut: exactly so many bytes of answer come, then a reset', async (t) => {
  const { proxy, call } = await setUp(t, { kind: 'cut', afterBytes: 500 })
  await t.rejects(call(), { code: /UND_ERR_SOCKET|ECONNRESET/ })
  await proxy.set({ kind: 'cut', afterBytes: 0 })
  await t.rejects(call(), { code: /UND_ERR_SOCKET|ECONNRESET/ })
  for (const how of ['reset', 'close'] as const) {
    await proxy.set({ kind: 'cut', afterBytes: 700, how })
    t.equal((await rawAnswer(proxy.port)).length, 700, how)
  }
})

t.test('cut: the bytes of a connection add up, however many pieces they come in', async (t) => {
  const target = createTcpServer((socket) => socket.on('data', () => socket.write('x'.repeat(1000))))
  target.listen(await freePort(), '127.0.0.1')
  await once(target, 'listening')
  const { port } = target.address() as { port: number }
  const proxy = await faultProxy({ target: `http://127.0.0.1:${port}`, fault: { kind: 'cut', afterBytes: 2500 } })
  const socket = connect(proxy.port, '127.0.0.1')
  t.teardown(async () => {
    socket.destroy()
    await proxy.stop()
    target.close()
  })
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes % 1000 === 0) socket.write('more')
  })
  socket.write('the first')
  const [error] = await once(socket, 'error')
  t.match(error, { code: 'ECONNRESET' })
  t.equal(bytes, 2500)
})

t.test('status: the proxy answers by itself, also on an open connection', async (t) => {
  const { proxy, call, requests } = await setUp(t)
  await call()
  await proxy.set({
    kind: 'status',
    status: 503,
    headers: { 'retry-after': '2', 'content-type': 'application/json' },
    body: '{"ok":false}'
  })
  t.match(await call(), {
    status: 503,
    body: '{"ok":false}',
    headers: { 'retry-after': '2', 'content-type': 'application/json' }
  })
  t.equal(requests(), 1)
})

t.test('drip: the answer comes in small pieces, and is whole', async (t) => {
  const { proxy, call } = await setUp(t)
  await proxy.set({ kind: 'drip', bytes: 1000, intervalMs: 20 })
  const started = performance.now()
  t.match(await call(), { status: 200, body: ANSWER })
  t.ok(performance.now() - started >= 59, 'over 3000 bytes in pieces of at most 1000')
})

t.test('garbage: the answer has its length and not its bytes', async (t) => {
  const { proxy, call } = await setUp(t, { kind: 'garbage' })
  await t.rejects(call(), { name: 'HTTPParserError' })
  await proxy.set({ kind: 'garbage', afterBytes: 1000 })
  const answer = await rawAnswer(proxy.port)
  t.match(answer.subarray(0, 15).toString(), 'HTTP/1.1 200 OK')
  t.notMatch(answer.toString('latin1'), ANSWER.slice(0, 2500))
})

t.test('a target that is down resets the client', async (t) => {
  const proxy = await faultProxy({ target: `http://127.0.0.1:${await freePort()}` })
  t.teardown(proxy.stop)
  await t.rejects(rawAnswer(proxy.port), { code: 'ECONNRESET' })
})

async function rawAnswer(port: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const error = await new Promise<Error | undefined>((resolve) => {
    socket.once('error', resolve)
    socket.once('close', () => resolve(undefined))
  })
  if (error && chunks.length === 0) throw error
  return Buffer.concat(chunks)
}
