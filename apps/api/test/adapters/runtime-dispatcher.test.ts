import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createHttp1Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { makeCertificate, type TestCertificate, waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { createRuntimeDispatcher } from '../../src/adapters/runtime-dispatcher.ts'
import { RuntimeHealthPoller } from '../../src/adapters/runtime-health.ts'

const authority = makeCertificate({ commonName: 'Authority' })
interface Answer {
  end(text: string): unknown
}

const ca = Buffer.from(authority.cert)

/** A server over TLS that says by which version and on which connection it was asked. */
async function listen(t: Test, certificate: TestCertificate, http2 = true) {
  const connections = new Set<unknown>()
  const open: Answer[] = []
  const answer = (request: { url?: string; httpVersion: string }, response: Answer): void => {
    if (request.url === '/wait') open.push(response)
    else response.end(request.httpVersion)
  }
  const server = http2
    ? createSecureServer({ ...certificate, allowHTTP1: true }, answer)
    : createHttp1Server(certificate, answer as RequestListener)
  server.on('secureConnection', (socket) => connections.add(socket))
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections, open }
}

function create(t: Test, options: Partial<Parameters<typeof createRuntimeDispatcher>[0]> = {}) {
  const dispatcher = createRuntimeDispatcher({ connectTimeoutMs: 5000, nameOf: () => undefined, ca, ...options })
  t.teardown(() => dispatcher.destroy())
  return async (origin: string, path = '/') => {
    const { body } = await dispatcher.request({ origin, path, method: 'GET' })
    return await body.text()
  }
}

t.test('a runtime is asked by HTTP/2 where it speaks it, else by HTTP/1.1', async (t) => {
  const leaf = makeCertificate({ issuer: authority })
  const [both, first] = await Promise.all([listen(t, leaf), listen(t, leaf, false)])
  const ask = create(t)
  t.equal(await ask(`https://localhost:${both.port}`), '2.0')
  t.equal(await ask(`https://127.0.0.1:${first.port}`), '1.1')
})

t.test('many calls at once never wait for a connection, and share those that there are', async (t) => {
  const server = await listen(t, makeCertificate({ issuer: authority }))
  const ask = create(t)
  const origin = `https://127.0.0.1:${server.port}`
  const waiting = Array.from({ length: 60 }, () => ask(origin, '/wait'))
  await waitFor(() => server.open.length === 60, { what: 'all calls to arrive', timeoutMs: 20_000 })
  t.ok(server.connections.size >= 4, `${server.connections.size} connections: at most 16 calls on each`)
  t.ok(server.connections.size < 60, 'and not one for each call')
  t.equal(await ask(origin), '2.0', 'one more is answered while all of them are open')
  for (const response of server.open) response.end('done')
  t.same(new Set(await Promise.all(waiting)), new Set(['done']))
})

t.test('an address that was found by a name is trusted by a certificate for the name', async (t) => {
  const server = await listen(t, makeCertificate({ issuer: authority, names: ['runtime.internal'] }))
  const origin = `https://127.0.0.1:${server.port}`
  await t.rejects(create(t)(origin), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  const ask = create(t, { nameOf: (address) => (address === '127.0.0.1' ? 'runtime.internal' : undefined) })
  t.equal(await ask(origin), '2.0')
})

t.test('a certificate of nobody that is trusted: no call is made, and the health check says why', async (t) => {
  const server = await listen(t, makeCertificate())
  const origin = `https://127.0.0.1:${server.port}`
  const dispatcher = createRuntimeDispatcher({ connectTimeoutMs: 5000, nameOf: () => undefined, ca })
  t.teardown(() => dispatcher.destroy())
  const details: string[] = []
  const poller = new RuntimeHealthPoller({
    dispatcher,
    instances: () => [origin],
    mayAsk: () => true,
    onResult: (_instance, { healthy, detail }) => details.push(`${healthy} ${detail}`),
    intervalMs: 1000,
    timeoutMs: 5000
  })
  await poller.pollOnce()
  t.same(details, ['false certificate not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)'])
})
