import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { freePort, waitFor } from '@semibot/stack'
import t, { type Test } from 'tap'
import { findNginx, startNginx } from '../src/nginx/start-nginx.ts'

// The configurations of infra/nginx in a real nginx, whose global settings would spoil a stream if ours allowed it.

const program = await findNginx((line) => t.comment(line))
const skip = program === undefined ? 'nginx is missing on this machine' : false
const EVENTS = ['first', 'second', 'third']

interface Call {
  request: IncomingMessage
  response: ServerResponse
}

/** An api of which the test holds each answer in its hand. */
async function holdApi(t: Test) {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => calls.push({ request, response }))
    response.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const next = async (): Promise<Call> => await waitFor(() => calls.shift(), { what: 'a call to arrive' })
  return { port: (server.address() as AddressInfo).port, calls, next }
}

async function edge(t: Test) {
  const api = await holdApi(t)
  const port = await freePort()
  const tlsPort = await freePort()
  const nginx = await startNginx({
    program: program as string,
    config: 'edge.conf.template',
    folder: t.testdir(),
    port,
    replace: {
      'listen 8080': `listen 127.0.0.1:${port}`,
      'listen 8443': `listen 127.0.0.1:${tlsPort}`,
      '${API_UPSTREAM}': `http://127.0.0.1:${api.port}`,
      '${DNS_SERVER}': '127.0.0.1'
    }
  })
  t.teardown(async () => void (await nginx.stop()))
  return { api, port, tlsPort }
}

/** Sends one event after the other, each when the client has seen the one before: no clock decides. */
async function dripEvents(t: Test, api: { next(): Promise<Call> }, seen: () => string): Promise<IncomingMessage> {
  const { request, response } = await api.next()
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  for (const event of EVENTS) {
    response.write(`data: ${event}\n\n`)
    await waitFor(() => seen().includes(event), { what: `the event "${event}" to come through` })
    t.pass(`the event "${event}" came through before the next one was sent`)
  }
  response.end()
  return request
}

t.test('nginx passes each event on at once, in HTTP/1.1', { skip }, async (t) => {
  const { api, port } = await edge(t)
  let text = ''
  const headers = { 'accept-encoding': 'gzip', 'content-type': 'application/json', 'x-request-id': 'mine' }
  const call = request({ host: '127.0.0.1', port, path: '/api/v1/chat', method: 'POST', headers })
  call.end('{"message":"hello"}')
  const answered = once(call, 'response').then(([response]) => {
    const stream = response as IncomingMessage
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    return stream
  })
  const { headers: received, url } = await dripEvents(t, api, () => text)
  const response = await answered
  t.equal(url, '/api/v1/chat')
  t.equal(received['x-forwarded-for'], '127.0.0.1', 'the api learns who called')
  t.equal(received['x-request-id'], 'mine', 'the id of the caller stays')
  t.equal(response.headers['content-encoding'], undefined, 'nothing is compressed, which would hold events back')
})

t.test('nginx passes each event on at once, in HTTP/2 over TLS', { skip }, async (t) => {
  const { api, tlsPort } = await edge(t)
  const session = connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  let text = ''
  const headers = { ':path': '/api/v1/chat', ':method': 'POST', 'accept-encoding': 'gzip' }
  const stream = session.request(headers)
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  stream.end('{}')
  const { headers: received } = await dripEvents(t, api, () => text)
  t.equal(session.alpnProtocol, 'h2')
  t.equal(received['x-forwarded-proto'], 'https')
})

t.test('what is for operators is closed at the edge', { skip }, async (t) => {
  const { api, port } = await edge(t)
  for (const path of ['/metrics', '/internal/probe', '/internal/../metrics']) {
    const { status } = await fetch(`http://127.0.0.1:${port}${path}`)
    t.equal(status, 404, path)
  }
  t.equal(api.calls.length, 0, 'the api has seen none of them')
  const body = 'x'.repeat(3 * 1024 * 1024)
  const { status } = await fetch(`http://127.0.0.1:${port}/api/v1/chat`, { method: 'POST', body }).catch(() => ({
    status: 413
  }))
  t.equal(status, 413, 'a body that no api would take')
})

t.test('a chat is never sent twice, and goes to another api where one is down', { skip }, async (t) => {
  const one = await holdApi(t)
  const two = await holdApi(t)
  const port = await freePort()
  const tlsPort = await freePort()
  const start = async (first: number, second: number, folder: string) => {
    const nginx = await startNginx({
      program: program as string,
      config: 'semibot.conf',
      folder,
      port,
      replace: {
        'listen 80;': `listen 127.0.0.1:${port};`,
        'listen 443 ': `listen 127.0.0.1:${tlsPort} `,
        '127.0.0.1:3001': `127.0.0.1:${first}`,
        '127.0.0.1:3002': `127.0.0.1:${second}`
      }
    })
    t.teardown(async () => void (await nginx.stop()))
    return nginx
  }
  const send = async () => await fetch(`http://127.0.0.1:${port}/api/v1/chat`, { method: 'POST', body: '{}' })
  const folders = t.testdir({ both: {}, gap: {} })

  const nginx = await start(one.port, two.port, `${folders}/both`)
  const lost = send()
  const call = await waitFor(() => one.calls.shift() ?? two.calls.shift(), { what: 'the chat to arrive' })
  call.response.destroy()
  t.equal((await lost).status, 502, 'an api that dies with a chat in its hands ends it')
  t.equal(one.calls.length + two.calls.length, 0, 'the other api did not get the same chat')
  await nginx.stop()

  await start(await freePort(), two.port, `${folders}/gap`)
  for (let index = 0; index < 4; index++) {
    const answer = send()
    const { response } = await two.next()
    response.end('{}')
    t.equal((await answer).status, 200, 'a chat that no api has seen goes to the next one')
  }
})
