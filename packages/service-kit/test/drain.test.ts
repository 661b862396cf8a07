import t, { type Test } from 'tap'
import { fetch } from 'undici'
import { createDrain, createSseWriter, type DrainOptions, healthRoutes, type SseWriter } from '../src/index.ts'
import { openConnection, startServer, until } from './fixtures/harness.ts'

const TERMINAL = 'event: execution.failed\ndata: {"code":"SHUTTING_DOWN"}\n\n'

async function draining(t: Test, options: DrainOptions) {
  const drain = createDrain(options)
  const writers: SseWriter[] = []
  const answers: (() => void)[] = []
  let reports = 0
  const server = await startServer(t, async (app) => {
    drain.hook(app)
    await app.register(healthRoutes, {
      drain,
      ready: () => {
        reports++
        return { status: 'ready', dependencies: { postgres: { state: 'up' } } }
      }
    })
    app.get('/stream', (_request, reply) => {
      const writer = createSseWriter(reply, { heartbeatMs: 60_000, maxBufferedBytes: 32 * 1024 * 1024 })
      writer.write('data: open\n\n')
      writers.push(writer)
      drain.track({ raw: writer.raw, finish: () => writer.end(TERMINAL) })
    })
    app.get('/late-stream', async (_request, reply) => {
      await new Promise<void>((resolve) => answers.push(resolve))
      const writer = createSseWriter(reply, { heartbeatMs: 60_000 })
      drain.track({ raw: writer.raw, finish: () => writer.end(TERMINAL) })
    })
    app.get('/slow-json', () => new Promise((resolve) => answers.push(() => resolve({ done: true }))))
  })
  const open = async (path = '/stream') => {
    const connection = openConnection(t, server.port)
    connection.get(path)
    if (path === '/stream') await connection.received('data: open')
    return connection
  }
  return { ...server, drain, writers, answers, open, reports: () => reports }
}

const complete = (text: string): boolean => text.endsWith(`${TERMINAL}\r\n0\r\n\r\n`)

t.test('200 streams get their terminal event when the grace is over', async (t) => {
  const { app, drain, open } = await draining(t, { graceMs: 50, flushMs: 5000 })
  t.equal(app.initialConfig.pluginTimeout, 0, 'Fastify would cut longer drains short')
  const connections = await Promise.all(Array.from({ length: 200 }, () => open()))
  t.equal(drain.openStreams, 200)
  await app.close()
  await Promise.all(connections.map((connection) => connection.ended()))
  t.equal(connections.filter((connection) => complete(connection.text)).length, 200)
  t.equal(drain.openStreams, 0)
})

t.test('while streams end by themselves the server answers, but is not ready any more', async (t) => {
  const { app, url, drain, writers, open } = await draining(t, { graceMs: 60_000, flushMs: 5000 })
  let told = 0
  drain.onDrain(() => told++)
  t.strictSame(await (await fetch(`${url}/health`)).json(), { status: 'healthy' })
  const ready = await fetch(`${url}/ready`)
  t.equal(ready.status, 200)
  t.strictSame(await ready.json(), { status: 'ready', dependencies: { postgres: { state: 'up' } } })

  const connection = await open()
  const closing = app.close()
  await until(() => drain.draining, 'the drain to begin')
  t.equal(told, 1)
  drain.onDrain(() => told++)
  t.equal(told, 2, 'who asks late is told at once')
  const health = await fetch(`${url}/health`)
  t.strictSame([health.status, await health.json()], [200, { status: 'draining' }])
  t.equal(health.headers.get('connection'), 'close')
  const unready = await fetch(`${url}/ready`)
  t.equal(unready.status, 503)
  t.strictSame(await unready.json(), { status: 'draining', dependencies: { postgres: { state: 'up' } } })

  writers[0]!.end('data: its own end\n\n')
  await closing
  await connection.ended()
  t.ok(connection.text.endsWith('data: its own end\n\n\r\n0\r\n\r\n'), 'long before the grace was over')
})

t.test('a stream that begins during the drain gets its terminal event as well', async (t) => {
  const { app, drain, open } = await draining(t, { graceMs: 300, flushMs: 5000 })
  const first = await open()
  const closing = app.close()
  await until(() => drain.draining, 'the drain to begin')
  const second = await open()
  await closing
  await Promise.all([first.ended(), second.ended()])
  t.ok(complete(first.text) && complete(second.text))
})

t.test('a stream that begins during the drain may end by itself, other requests do not prolong it', async (t) => {
  const { app, drain, writers, answers, open } = await draining(t, { graceMs: 60_000, flushMs: 100 })
  const first = await open()
  const closing = app.close()
  await until(() => drain.draining, 'the drain to begin')
  const second = await open()
  const late = await open('/slow-json')
  await until(() => answers.length === 1, 'the late request')
  writers[0]!.end()
  await first.received('\r\n0\r\n\r\n')
  writers[1]!.write('data: still open\n\n')
  await second.received('still open')
  writers[1]!.end('data: its own end\n\n')
  await closing
  await Promise.all([second.ended(), late.ended()])
  t.notMatch(second.text, TERMINAL)
  t.notMatch(late.text, 'done', 'the late request is cut')
})

t.test('a stream that begins when the grace is over gets its terminal event at once', async (t) => {
  const { app, drain, answers, open } = await draining(t, { graceMs: 50, flushMs: 5000 })
  const first = await open()
  const late = await open('/late-stream')
  await until(() => answers.length === 1, 'the late request')
  const closing = app.close()
  t.notOk(drain.finishing, 'not before the grace is over')
  await first.ended()
  t.ok(drain.finishing)
  answers[0]!()
  await late.received(TERMINAL)
  await closing
  t.equal(drain.openStreams, 0)
})

t.test('an answer that is under way is waited for', async (t) => {
  const { app, url, drain, answers, open } = await draining(t, { graceMs: 60_000, flushMs: 20 })
  const connection = await open('/slow-json')
  await until(() => answers.length === 1, 'the request')
  const closing = app.close()
  await until(() => drain.draining, 'the drain to begin')
  for (let poll = 0; poll < 20; poll++) {
    t.equal((await fetch(`${url}/ready`)).status, 503, 'and new connections are served as long')
  }
  answers[0]!()
  await closing
  await connection.received('done')
  t.match(connection.text, /connection: close\r\n[\s\S]*\{"done":true\}$/i)
})

t.test('a reader that does not take its last event is cut off, the others are served', async (t) => {
  const { app, writers, open } = await draining(t, { graceMs: 20, flushMs: 300 })
  const slow = await open()
  slow.socket.pause()
  writers[0]!.write('x'.repeat(8_000_000))
  const good = await open()
  await app.close()
  await good.ended()
  t.ok(complete(good.text))
  t.ok(writers[0]!.raw.destroyed)
  t.notOk(writers[0]!.raw.writableFinished)
})

t.test('a reader that is slow, but reads, gets its last event', async (t) => {
  const { app, drain, writers, open } = await draining(t, { graceMs: 0, flushMs: 20_000 })
  const slow = await open()
  slow.socket.pause()
  writers[0]!.write('x'.repeat(8_000_000))
  const closing = app.close()
  await until(() => drain.draining && writers[0]!.ended, 'the terminal event')
  slow.socket.resume()
  await closing
  await slow.ended()
  t.ok(complete(slow.text))
})

t.test('half-open and idle connections and an answer without end do not hold the server', async (t) => {
  const { app, port, answers, open } = await draining(t, { graceMs: 20, flushMs: 100 })
  const halfOpen = openConnection(t, port)
  halfOpen.send('GET /health HTTP/1.1\r\nhost: ')
  const halfBody = openConnection(t, port)
  halfBody.send('POST /stream HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{')
  const idle = await open('/health')
  await idle.received('healthy')
  const silent = openConnection(t, port)
  const endless = await open('/slow-json')
  await until(() => answers.length === 1, 'the request')
  await app.close()
  await Promise.all([halfOpen, halfBody, idle, silent, endless].map((connection) => connection.ended()))
  t.notMatch(endless.text, 'done')
})

t.test('without anything open it ends at once, but not before the notice is given', async (t) => {
  const quick = await draining(t, { graceMs: 60_000 })
  await quick.app.close()
  t.ok(quick.drain.draining)
  const noticed = await draining(t, { graceMs: 60_000, noticeMs: 80 })
  const begun = performance.now()
  await noticed.app.close()
  const took = performance.now() - begun
  t.ok(took >= 79 && took < 10_000, `${took} ms`)
})

t.test('a stream that is forgotten is not finished again', async (t) => {
  const drain = createDrain({ graceMs: 0, flushMs: 1000 })
  let finished = 0
  const { app, port } = await startServer(t, (app) => {
    drain.hook(app)
    app.get('/', (_request, reply) => {
      const writer = createSseWriter(reply, { heartbeatMs: 60_000 })
      writer.write('data: open\n\n')
      const forget = drain.track({ raw: writer.raw, finish: () => finished++ })
      forget()
      forget()
      drain.onDrain(() => writer.end())
    })
  })
  const connection = openConnection(t, port)
  connection.get('/')
  await connection.received('data: open')
  t.equal(drain.openStreams, 0)
  await app.close()
  t.equal(finished, 0)
})
