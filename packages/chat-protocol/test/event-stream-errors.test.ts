import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { EventStreamError } from '../src/event-stream.ts'
import { LIMITS } from '../src/limits.ts'
import { collect } from './fixtures/collect.ts'
import { chunkedHead, chunks, scriptedServer } from './fixtures/scripted-server.ts'

const END = '\r\n\r\n'

t.test('an answer that is not a 200 is a status error with the wait and the beginning of the body', async (t) => {
  let head = ''
  let body = ''
  const server = await scriptedServer(t, (socket) =>
    socket.write(`HTTP/1.1 ${head}\r\ncontent-length: ${Buffer.byteLength(body)}${END}${body}`)
  )
  const cases = [
    { head: '429 Too Many Requests\r\nretry-after: 3', body: '{"error":"slow"}', status: 429, wait: 3000 },
    { head: '503 Unavailable\r\nretry-after: 0', body: '', status: 503, wait: 0 },
    { head: '429 Too Many\r\nretry-after-ms: 1500\r\nretry-after: 9', body: 'x', status: 429, wait: 1500 },
    { head: '500 Oops\r\nretry-after: soon', body: 'x', status: 500, wait: undefined },
    { head: '404 Not Found', body: 'é'.repeat(3), status: 404, wait: undefined },
    { head: '301 Moved\r\nlocation: /elsewhere', body: '', status: 301, wait: undefined },
    { head: '201 Created\r\ncontent-type: text/event-stream', body: 'data: x\n\n', status: 201, wait: undefined }
  ]
  for (const one of cases) {
    head = one.head
    body = one.body
    const result = await collect(server)
    t.match(result.error, { kind: 'status', status: one.status, body: one.body }, one.head.split('\r\n')[0]!)
    t.equal(result.error?.retryAfterMs, one.wait)
    t.equal(result.status, one.status, 'onOpen hears of it')
    t.same(result.events, [])
  }
})

t.test('Retry-After as a date is the time from now', async (t) => {
  const date = new Date(Date.now() + 5000).toUTCString()
  const server = await scriptedServer(t, (socket) =>
    socket.write(`HTTP/1.1 503 Busy\r\nretry-after: ${date}\r\ncontent-length: 0${END}`)
  )
  const { error } = await collect(server)
  t.ok(error!.retryAfterMs! > 2000 && error!.retryAfterMs! <= 5000, String(error?.retryAfterMs))
})

t.test('of a long error body only the first 4 KB are read', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead({ 'content-type': 'text/plain' }, '500 Oops'))
    // Never ended: whoever waits for the rest waits forever.
    socket.write(chunks(['a'.repeat(3000), 'b'.repeat(3000)], false))
  })
  const { error } = await collect(server)
  t.equal(error?.kind, 'status')
  t.equal(error?.body?.length, 4096)
})

t.test('an error answer that breaks off is still the error of its status', async (t) => {
  const server = await scriptedServer(t, (socket) => {
    socket.write(`HTTP/1.1 502 Bad Gateway\r\ncontent-length: 100${END}half`, () => socket.resetAndDestroy())
  })
  t.match((await collect(server)).error, { kind: 'status', status: 502 })
})

t.test('a 200 that is not an event stream is refused', async (t) => {
  let head = ''
  const server = await scriptedServer(t, (socket) =>
    socket.write(`HTTP/1.1 200 OK${head}\r\ncontent-length: 4${END}<p>x`)
  )
  const cases = [
    ['\r\ncontent-type: text/html', 'content_type', /got text\/html/],
    ['\r\ncontent-type: application/json', 'content_type', /got application\/json/],
    ['\r\ncontent-type: text/event-streams', 'content_type', /got text\/event-streams/],
    ['', 'content_type', /got none/],
    ['\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip', 'encoding', /got gzip/]
  ] as const
  for (const [headers, kind, message] of cases) {
    head = headers
    const { error } = await collect(server)
    t.match(error, { kind, status: 200, message, body: '<p>x' })
  }
  for (const contentType of ['text/event-stream; charset=utf-8', 'TEXT/EVENT-STREAM', 'text/event-stream ;x=y']) {
    head = `\r\ncontent-type: ${contentType}\r\ncontent-encoding: identity`
    t.equal((await collect(server)).error, undefined, contentType)
  }
})

t.test('bytes that are not UTF-8 end the stream, at once or when they turn out to be cut short', async (t) => {
  let pieces: Buffer[] = []
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(pieces))
  })
  const good = Buffer.from('data: good\n\n')
  const cases: [string, Buffer[]][] = [
    ['a byte that never occurs', [good, Buffer.from([0x64, 0xff])]],
    ['a rest without a beginning', [good, Buffer.from([0x80, 0x0a])]],
    ['a beginning without its rest', [good, Buffer.from([0xe4, 0xbd]), Buffer.from('x')]],
    ['an overlong form', [good, Buffer.from([0xc0, 0xaf])]],
    ['half of a surrogate pair', [good, Buffer.from([0xed, 0xa0, 0x80])]],
    ['an end inside a character', [good, Buffer.from([0xf0, 0x9f, 0x98])]]
  ]
  for (const [name, bytes] of cases) {
    pieces = bytes
    const { error, events } = await collect(server)
    t.equal(error?.kind, 'encoding', name)
    t.equal(events.length, 1, 'what came before was handed out')
  }
})

t.test('an event of 10 MB is cut off at the limit, and memory stays bounded', async (t) => {
  let written = 0
  let closed = false
  const server = await scriptedServer(t, (socket) => {
    socket.on('close', () => {
      closed = true
    })
    socket.write(chunkedHead())
    socket.write(chunks(['data: '], false))
    const piece = chunks(['x'.repeat(16 * 1024)], false)
    const more = () => {
      while (written < 10 * 1024 * 1024 && !closed) {
        written += piece.length
        if (!socket.write(piece)) {
          socket.once('drain', more)
          return
        }
      }
    }
    more()
  })
  const { error, events } = await collect(server)
  t.equal(error?.kind, 'too_large')
  t.match(error?.message, new RegExp(`larger than ${LIMITS.eventBytes} bytes`))
  t.same(events, [])
  t.ok(written < 8 * 1024 * 1024, `the server was stopped after ${written} bytes`)
})

t.test('limits are bytes of an event and of the whole answer', async (t) => {
  let pieces: string[] = []
  const server = await scriptedServer(t, (socket) => {
    socket.write(chunkedHead())
    socket.write(chunks(pieces))
  })
  pieces = [`data: ${'你'.repeat(33)}\n\n`]
  t.equal((await collect(server, { maxEventBytes: 100 })).error, undefined, '99 bytes of 100')
  pieces = [`data: ${'你'.repeat(34)}\n\n`]
  t.equal((await collect(server, { maxEventBytes: 100 })).error?.kind, 'too_large', '102 bytes in 34 characters')
  pieces = [...Array<string>(50).fill('data: aaaa\n'), '\n']
  t.equal((await collect(server, { maxEventBytes: 100 })).error?.kind, 'too_large', 'many lines of one event')
  pieces = Array<string>(20).fill('data: aaaa\n\n')
  t.equal((await collect(server, { maxEventBytes: 100, maxStreamBytes: 240 })).error, undefined)
  t.equal((await collect(server, { maxEventBytes: 100, maxStreamBytes: 239 })).error?.kind, 'too_large')
  pieces = [`: ${'c'.repeat(200)}`, 'c\n\n']
  t.equal((await collect(server, { maxEventBytes: 100 })).error?.kind, 'too_large', 'an endless comment')
})

t.test('a server that is not there is a connect error', async (t) => {
  const server = await scriptedServer(t, () => {})
  const closed = createServer()
  closed.listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as { port: number }
  closed.close()
  await once(closed, 'close')
  const { error } = await collect({ ...server, agent: server.agent, origin: `http://127.0.0.1:${port}` })
  t.match(error, { kind: 'connect', cause: { code: 'ECONNREFUSED' } })
})

t.test('a connection that breaks is a reset, wherever it breaks', async (t) => {
  const breaks: [string, (socket: import('node:net').Socket) => void][] = [
    ['closed before any byte', (socket) => socket.destroy()],
    ['reset before any byte', (socket) => socket.resetAndDestroy()],
    ['closed inside the head', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-')],
    ['closed inside the body', (socket) => socket.end(`${chunkedHead()}${chunks(['data: x\n\n'], false).toString()}`)],
    [
      'reset inside the body',
      (socket) =>
        socket.write(`${chunkedHead()}${chunks(['data: x\n\n'], false).toString()}`, () => socket.resetAndDestroy())
    ],
    [
      'fewer bytes than announced',
      (socket) =>
        socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 50${END}data: x\n\n`)
    ],
    ['not HTTP at all', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')]
  ]
  for (const [name, breakOff] of breaks) {
    const server = await scriptedServer(t, breakOff)
    const { error } = await collect(server)
    t.ok(error instanceof EventStreamError, name)
    t.equal(error?.kind, 'reset', name)
  }
})

t.test('a stream cut after any byte never ends as if it were whole', async (t) => {
  const whole = Buffer.concat([Buffer.from(chunkedHead()), chunks(['data: 你好\n\n', 'data: [DONE]\n\n'])])
  let length = 0
  const server = await scriptedServer(t, (socket) => socket.end(whole.subarray(0, length)))
  let clean = 0
  for (length = 0; length < whole.length; length++) {
    if ((await collect(server)).error === undefined) clean++
  }
  t.equal(clean, 0)
  const { error } = await collect(server)
  t.equal(error, undefined, 'the whole of it does')
})

t.test('a request that cannot be sent is a connect error, not a crash', async (t) => {
  const server = await scriptedServer(t, () => {})
  const { error } = await collect(server, { headers: { 'x-bad': 'a\nb' } })
  t.equal(error?.kind, 'connect')
})
