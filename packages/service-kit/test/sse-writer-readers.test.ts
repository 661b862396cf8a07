import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { createSseWriter } from '../src/index.ts'
import { openConnection, readChunks, startServer, until } from './fixtures/harness.ts'
import { bodyOf, streaming } from './fixtures/streaming.ts'

// Readers that are slow, never read again, or go away.

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

t.test('the last frames cannot keep a dead connection', async (t) => {
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
