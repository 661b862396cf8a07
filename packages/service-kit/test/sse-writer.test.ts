import { setImmediate as turn } from 'node:timers/promises'
import { SSE_HEADERS } from '@semibot/chat-protocol'
import t from 'tap'
import { Agent, request } from 'undici'
import { readChunks, until } from './fixtures/harness.ts'
import { bodyOf, streaming } from './fixtures/streaming.ts'

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
