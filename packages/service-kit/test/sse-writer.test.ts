import { setImmediate as turn } from 'node:timers/promises'
import { SSE_HEADERS } from '@semibot/chat-protocol'
import type { FastifyReply } from 'fastify'
import t, { type Test } from 'tap'
import { Agent, request } from 'undici'
import { createSseWriter, type SseWriter, type SseWriterOptions } from '../src/index.ts'
import { openConnection, readChunks, startServer, until } from './fixtures/harness.ts'

interface Stream {
  writer: SseWriter
  closings: boolean[]
}

/** A server whose GET /stream opens a writer and hands it to the test. */
async function streaming(t: Test, options: Partial<SseWriterOptions> = {}, begin?: (writer: SseWriter) => void) {
  const streams: Stream[] = []
  const server = await startServer(t, (app) => {
    app.get('/stream', (_request, reply: FastifyReply) => {
      reply.header('x-execution-id', 'e1').header('content-type', 'application/json').header('cache-control', 'public')
      const closings: boolean[] = []
      const writer = createSseWriter(reply, {
        heartbeatMs: 60_000,
        onClose: (completed) => closings.push(completed),
        ...options
      })
      streams.push({ writer, closings })
      begin?.(writer)
    })
    app.get('/plain', () => 'plain')
  })
  const connection = openConnection(t, server.port)
  const stream = async (index = 0): Promise<Stream> => {
    await until(() => streams.length > index, `stream ${index}`)
    return streams[index]!
  }
  return { ...server, connection, stream }
}

const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4)

t.test('the head leaves at once, with the headers of the reply and of an event stream', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.get('/stream', 'x-request-id: r-1\r\n')
  const head = await connection.received('\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 200 OK\r\n/)
  for (const line of [
    'x-request-id: r-1',
    'x-execution-id: e1',
    ...Object.entries(SSE_HEADERS).map((h) => h.join(': '))
  ]) {
    t.ok(head.includes(`\r\n${line}\r\n`), line)
  }
  const { writer } = await stream()
  t.notOk(writer.ended)
})

t.test('frames of one turn of the event loop leave as one chunk, later ones as their own', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.get('/stream')
  const { writer } = await stream()
  await connection.received('\r\n\r\n')
  for (let n = 1; n <= 10; n++) writer.write(`data: ${n}\n\n`)
  await connection.received('data: 10\n\n')
  writer.write('data: 你好\n\n')
  await connection.received('你好')
  writer.write('data: last\n\n')
  writer.end('data: end\n\n')
  await connection.received('0\r\n\r\n')
  const { chunks, complete } = readChunks(bodyOf(connection.text))
  t.strictSame(chunks, [
    Array.from({ length: 10 }, (_, n) => `data: ${n + 1}\n\n`).join(''),
    'data: 你好\n\n',
    'data: last\n\ndata: end\n\n'
  ])
  t.ok(complete)
})

t.test('the connection is used again after a clean end', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.get('/stream')
  const { writer, closings } = await stream()
  writer.write('data: 1\n\n')
  await connection.received('data: 1')
  writer.write('data: 2\n\n')
  await connection.received('data: 2')
  writer.end()
  writer.write('data: too late\n\n')
  await writer.closed
  t.strictSame(closings, [true])
  connection.get('/plain')
  await connection.received('plain')
  t.notMatch(connection.text, 'too late')
  connection.get('/stream')
  const second = await stream(1)
  second.writer.end('data: again\n\n')
  await connection.received('data: again')
  t.equal(connection.socket.listenerCount('drain'), 0)
})

t.test('any sequence of frames of any size arrives whole and in order', async (t) => {
  let seed = 20_261_122
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return seed % below
  }
  const { url, stream } = await streaming(t)
  const agent = new Agent()
  t.teardown(() => agent.close())
  for (let run = 0; run < 20; run++) {
    const response = await request(`${url}/stream`, { dispatcher: agent })
    const body = response.body.text()
    const { writer } = await stream(run)
    let expected = ''
    for (let n = random(60); n >= 0; n--) {
      const frame = `data: ${['x', '好', '🙂', '\u00e9'][random(4)]!.repeat(random(random(10) === 0 ? 30_000 : 200))}\n\n`
      expected += frame
      writer.write(frame)
      if (writer.congested) await new Promise<void>((resolve) => writer.onDrained(resolve))
      if (random(3) === 0) await turn()
    }
    writer.end('data: end\n\n')
    t.equal(await body, `${expected}data: end\n\n`, `run ${run}: ${expected.length} units`)
  }
})

t.test('a comment keeps an idle stream alive, and only an idle one', async (t) => {
  const { connection, stream } = await streaming(t, { heartbeatMs: 30 })
  connection.get('/stream')
  await connection.received(': heartbeat\n\n')
  await until(() => connection.text.split(': heartbeat').length > 3, 'more than two heartbeats')
  const { writer } = await stream()
  writer.end('data: end\n\n')
  await writer.closed
  await connection.received('0\r\n\r\n')
  const text = connection.text
  connection.get('/plain')
  await connection.received('plain')
  t.notMatch(connection.text.slice(text.length), 'heartbeat', 'none after the end')
  t.ok(readChunks(bodyOf(text)).complete)

  const heartbeatMs = 150
  const busy = await streaming(t, { heartbeatMs, heartbeatFrame: 'event: heartbeat\ndata: null\n\n' })
  busy.connection.get('/stream')
  const second = await busy.stream()
  const startedAt = performance.now()
  let longestPauseMs = 0
  for (let last = startedAt; last - startedAt < 4 * heartbeatMs; ) {
    second.writer.write('data: x\n\n')
    await turn()
    longestPauseMs = Math.max(longestPauseMs, performance.now() - last)
    last = performance.now()
  }
  second.writer.end()
  await busy.connection.received('0\r\n\r\n')
  const heard = busy.connection.text.includes('event: heartbeat')
  t.ok(!heard || longestPauseMs > heartbeatMs * 0.8, `none while frames flow (longest pause ${longestPauseMs} ms)`)
})

t.test('a slow reader slows the producer down and loses nothing', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.get('/stream')
  const { writer } = await stream()
  await connection.received('\r\n\r\n')
  connection.socket.pause()
  const frame = `data: ${'好'.repeat(5000)}\n\n`
  const total = 2000
  let sent = 0
  let pauses = 0
  let most = 0
  const produce = (): void => {
    while (sent < total && writer.write(frame)) sent++
    most = Math.max(most, writer.raw.writableLength)
    if (sent >= total) {
      writer.end('data: end\n\n')
      return
    }
    sent++
    pauses++
    writer.onDrained(produce)
  }
  produce()
  await until(() => writer.congested, 'congestion')
  t.ok(sent < total, `stopped after ${sent} of ${total} frames`)
  connection.socket.resume()
  await connection.received('data: end\n\n\r\n0\r\n\r\n')
  const { chunks, complete } = readChunks(bodyOf(connection.text))
  t.ok(complete)
  t.equal(chunks.join('').split(frame).length, total + 1, 'every frame arrived')
  t.ok(pauses > 0 && most < 256 * 1024, `${pauses} pauses, never more than ${most} bytes waited`)
})

t.test('a producer that does not listen costs the connection, not the memory', async (t) => {
  const { connection, stream } = await streaming(t, { maxBufferedBytes: 200_000 })
  connection.get('/stream')
  const { writer, closings } = await stream()
  await connection.received('\r\n\r\n')
  connection.socket.pause()
  const frame = 'x'.repeat(20_000)
  let most = 0
  while (!writer.raw.destroyed) {
    writer.write(frame)
    most = Math.max(most, writer.raw.writableLength)
    await turn()
  }
  await writer.closed
  t.strictSame(closings, [false])
  t.ok(most <= 240_000, `${most} bytes at most`)
})

t.test('a reader that never reads again is given up', async (t) => {
  const { connection, stream } = await streaming(t, { heartbeatMs: 20, stallMs: 100 })
  connection.get('/stream')
  const { writer, closings } = await stream()
  await connection.received('\r\n\r\n')
  connection.socket.pause()
  while (writer.write('x'.repeat(10_000))) await turn()
  const told = new Promise<boolean>((resolve) => writer.onDrained(() => resolve(writer.congested)))
  await writer.closed
  t.strictSame(closings, [false])
  t.equal(await told, false, 'who waits for the reader may go on')
  t.equal(writer.write('more'), true, 'and is not held up any more')
})

t.test('the same after the end: the last frames cannot keep a dead connection', async (t) => {
  const { connection, stream } = await streaming(t, { heartbeatMs: 20, stallMs: 100 })
  connection.get('/stream')
  const { writer, closings } = await stream()
  await connection.received('\r\n\r\n')
  connection.socket.pause()
  writer.end('x'.repeat(8_000_000))
  await writer.closed
  t.strictSame(closings, [false])
})

t.test('a reader that is slow with the last frames still gets them', async (t) => {
  // Far more than the test lasts, but less than this process has lived: only the time since the end counts.
  const { connection, stream } = await streaming(t, { heartbeatMs: 10, stallMs: performance.now() * 0.8 })
  connection.get('/stream')
  const { writer, closings } = await stream()
  await connection.received('\r\n\r\n')
  connection.socket.pause()
  writer.end(`${'x'.repeat(8_000_000)}\n\n`)
  writer.write('data: too late\n\n')
  const endedAt = performance.now()
  await until(() => performance.now() - endedAt > 100, 'ten looks at the stalled reader')
  connection.socket.resume()
  await connection.received('\r\n0\r\n\r\n')
  await writer.closed
  t.strictSame(closings, [true])
  t.notMatch(connection.text.slice(-1000), 'too late')
})

t.test('a client that goes away closes the stream, and later calls do nothing', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.get('/stream')
  const { writer, closings } = await stream()
  writer.write('data: 1\n\n')
  await connection.received('data: 1')
  connection.socket.destroy()
  await writer.closed
  t.strictSame(closings, [false])
  t.ok(writer.ended)
  t.equal(writer.write('data: 2\n\n'), true)
  let called = 0
  writer.onDrained(() => called++)
  writer.end('data: 3\n\n')
  writer.end()
  t.equal(called, 1)
  t.strictSame(closings, [false], 'closed once')
})

t.test('a client that is gone before the stream begins gets a closed one', async (t) => {
  let late: ((reply: FastifyReply) => void) | undefined
  const replies: FastifyReply[] = []
  const { port } = await startServer(t, (app) => {
    app.get('/late', (_request, reply) => {
      replies.push(reply)
      late?.(reply)
    })
  })
  const connection = openConnection(t, port)
  connection.get('/late')
  await until(() => replies.length === 1, 'the request')
  connection.socket.destroy()
  await until(() => replies[0]!.raw.destroyed, 'the server to notice')
  const closings: boolean[] = []
  const writer = createSseWriter(replies[0]!, { heartbeatMs: 60_000, onClose: (completed) => closings.push(completed) })
  t.ok(writer.ended)
  writer.write('data: 1\n\n')
  writer.end('data: 2\n\n')
  await writer.closed
  t.strictSame(closings, [false])
})

t.test('a client of HTTP/1.0 gets the stream without chunks', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.send('GET /stream HTTP/1.0\r\n\r\n')
  const { writer, closings } = await stream()
  for (const n of [1, 2, 3]) {
    writer.write(`data: ${n}\n\n`)
    await connection.received(`data: ${n}`)
  }
  writer.end('data: end\n\n')
  await connection.ended()
  t.equal(bodyOf(connection.text), 'data: 1\n\ndata: 2\n\ndata: 3\n\ndata: end\n\n')
  await writer.closed
  t.strictSame(closings, [true])
})

t.test('pipelined streams wait for each other', async (t) => {
  const { connection, stream } = await streaming(t)
  connection.get('/stream')
  connection.get('/stream')
  const first = await stream(0)
  const second = await stream(1)
  for (const n of [1, 2, 3]) {
    second.writer.write(`data: second ${n}\n\n`)
    await turn()
    first.writer.write(`data: first ${n}\n\n`)
    await connection.received(`first ${n}`)
  }
  t.notMatch(connection.text, 'second')
  second.writer.end('data: second end\n\n')
  first.writer.end('data: first end\n\n')
  await connection.received('second end')
  await Promise.all([first.writer.closed, second.writer.closed])
  t.strictSame([...first.closings, ...second.closings], [true, true])
  const [, one, two] = connection.text.split(/HTTP\/1\.1 200 OK/)
  t.equal(
    readChunks(bodyOf(one!)).chunks.join(''),
    'data: first 1\n\ndata: first 2\n\ndata: first 3\n\ndata: first end\n\n'
  )
  t.equal(
    readChunks(bodyOf(two!)).chunks.join(''),
    'data: second 1\n\ndata: second 2\n\ndata: second 3\n\ndata: second end\n\n'
  )
})

t.test('what is written and ended in the first turn arrives in one piece', async (t) => {
  const { connection, stream } = await streaming(t, { status: 202, headers: { 'x-own': 'yes' } }, (writer) => {
    writer.write('data: 1\n\n')
    writer.end('data: 2\n\n')
    writer.write('data: too late\n\n')
  })
  connection.get('/stream')
  await connection.received('0\r\n\r\n')
  t.match(connection.text, /^HTTP\/1\.1 202 Accepted\r\n[\s\S]*x-own: yes/)
  t.equal(readChunks(bodyOf(connection.text)).chunks.join(''), 'data: 1\n\ndata: 2\n\n')
  t.strictSame((await stream()).closings, [true])
})
