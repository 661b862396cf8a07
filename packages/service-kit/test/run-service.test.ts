import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { StartupError } from '../src/index.ts'
import { startupMessage } from '../src/run-service.ts'
import { openConnection, openPipe } from './fixtures/harness.ts'

const FIXTURE = fileURLToPath(new URL('fixtures/service.ts', import.meta.url))

function launch(t: Test, options: { port?: number; graceMs?: number; file?: string; fault?: string } = {}) {
  const { port = 0, graceMs = 0, file = '', fault = '' } = options
  const child = fork(FIXTURE, [String(port), String(graceMs), file, fault], {
    execArgv: ['--conditions=@semibot/source'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const output = text(child.stdout!)
  const exit = once(child, 'close')
  const said: unknown[] = []
  const reports: { port: number; reloads: number }[] = []
  child.on('message', (message) => {
    said.push(message)
    if (message !== 'ready') reports.push(message as { port: number; reloads: number })
  })
  const next = async () => {
    while (reports.length === 0) await once(child, 'message')
    return reports.shift() as { port: number; reloads: number }
  }
  return {
    child,
    said,
    next,
    async ended() {
      const [code, signal] = (await exit) as [number | null, string | null]
      const stdout = await output
      const lines = stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { level: string; msg: string; err?: { message: string } })
      return { code, signal, lines, messages: lines.map((line) => line.msg) }
    }
  }
}

t.test('SIGTERM: streams get their terminal event, the log is complete, the exit code is 0', async (t) => {
  const service = launch(t, { graceMs: 50 })
  const { port } = await service.next()
  const connection = openConnection(t, port)
  connection.get('/stream')
  await connection.received('data: open')
  service.child.kill('SIGTERM')
  const { code, messages } = await service.ended()
  await connection.ended()
  t.equal(code, 0)
  t.ok(connection.text.endsWith('data: terminal\n\n\r\n0\r\n\r\n'))
  t.ok(messages.includes('SIGTERM: shutting down'))
  t.equal(messages.at(-1), 'shut down')
})

t.test('a process manager that waits for it is told that the service listens', async (t) => {
  const service = launch(t)
  await service.next()
  t.ok(service.said.includes('ready'))
  const broken = launch(t, { fault: 'startup error' })
  await broken.ended()
  t.notOk(broken.said.includes('ready'), 'not when it could not start')
})

t.test('SIGINT does the same', async (t) => {
  const service = launch(t)
  await service.next()
  service.child.kill('SIGINT')
  const { code, messages } = await service.ended()
  t.equal(code, 0)
  t.ok(messages.includes('SIGINT: shutting down'))
})

t.test('SIGHUP opens the log again and reloads; a refused reload is logged and the service goes on', async (t) => {
  const file = join(t.testdir(), 'api.log')
  const service = launch(t, { file })
  const { port } = await service.next()
  renameSync(file, `${file}.1`)
  for (const reloads of [1, 2, 3]) {
    const answer = service.next()
    service.child.kill('SIGHUP')
    t.equal((await answer).reloads, reloads)
  }
  const connection = openConnection(t, port)
  connection.get('/health')
  await connection.received('healthy')
  service.child.kill('SIGTERM')
  const { code, lines } = await service.ended()
  t.equal(code, 0)
  t.match(
    lines.filter((line) => line.msg.includes('refused')),
    [{ level: 'error', err: { message: 'CHAT_RUNTIME_PERCENT must be 0 to 100' } }]
  )
  t.match(readFileSync(file, 'utf8'), /SIGHUP: log file opened again/)
  t.match(readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8'), /Server listening/, 'nothing is lost')
})

t.test('a taken port ends the start with one clear line and code 1', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  t.teardown(() => holder.close())
  const { port } = holder.address() as { port: number }
  const { code, lines } = await launch(t, { port }).ended()
  t.equal(code, 1)
  t.match(lines.at(-1), {
    level: 'fatal',
    msg: `Port ${port} on 127.0.0.1 is already in use. Stop the process that uses it, or set API_PORT to a free port.`
  })
  t.notOk(lines.at(-1)?.err, 'no stack for something an operator can solve')
})

t.test('a start that fails says why and ends with code 1', async (t) => {
  const known = await launch(t, { fault: 'startup error' }).ended()
  t.equal(known.code, 1)
  t.match(known.lines.at(-1), { level: 'fatal', msg: 'The database has no tables yet. Run: semibot db migrate' })
  const stuck = await launch(t, { fault: 'stuck start' }).ended()
  t.equal(stuck.code, 1)
  t.match(stuck.lines.at(-1), { level: 'fatal', msg: 'The service did not start within 100 ms.' })
  const unknown = await launch(t, { fault: 'unknown error' }).ended()
  t.equal(unknown.code, 1)
  t.match(unknown.lines.at(-1), {
    level: 'fatal',
    err: { message: 'something odd' },
    msg: 'the service could not start'
  })
})

t.test('an uncaught error closes the service and ends with code 1', async (t) => {
  const service = launch(t)
  const { port } = await service.next()
  const connection = openConnection(t, port)
  connection.get('/crash')
  const { code, lines } = await service.ended()
  t.equal(code, 1)
  t.match(
    lines.filter((line) => line.level === 'fatal'),
    [{ msg: 'uncaught error, shutting down', err: { message: 'nobody catches this' } }]
  )
  t.equal(lines.at(-1)?.msg, 'shut down')
})

t.test('a close that does not come to an end is cut short with code 1', async (t) => {
  const service = launch(t, { fault: 'stuck close' })
  await service.next()
  service.child.kill('SIGTERM')
  const { code, messages } = await service.ended()
  t.equal(code, 1)
  t.equal(messages.at(-1), 'shutdown was cut short')
})

t.test('a second signal ends the process at once', async (t) => {
  const service = launch(t, { graceMs: 60_000 })
  const { port } = await service.next()
  const connection = openConnection(t, port)
  connection.get('/stream')
  await connection.received('data: open')
  const draining = service.next()
  service.child.kill('SIGTERM')
  await draining
  service.child.kill('SIGTERM')
  const { code, messages } = await service.ended()
  t.equal(code, 1)
  t.ok(messages.includes('shutdown was cut short'))
})

t.test('SIGTERM ends a service whose standard output nobody reads', async (t) => {
  t.jobs = 2
  for (const kind of ['socket', 'pipe'] as const) {
    t.test(kind, { buffered: true }, async (t) => {
      const stdout = kind === 'socket' ? 'pipe' : openPipe(t).writer
      const child = fork(FIXTURE, ['0', '0', '', 'many lines'], {
        execArgv: ['--conditions=@semibot/source'],
        stdio: ['ignore', stdout, 'inherit', 'ipc']
      })
      t.teardown(() => child.kill('SIGKILL'))
      const exit = once(child, 'exit')
      await new Promise<void>((listens) => {
        child.on('message', (message) => {
          if (message !== 'ready') listens()
        })
      })
      // A process that is started with the same output makes writes to it wait again.
      if (typeof stdout === 'number') spawnSync('true', { stdio: ['ignore', stdout, 'ignore'] })
      child.send('log')
      await delay(200)
      child.kill('SIGTERM')
      t.strictSame(await Promise.race([exit, delay(15_000, 'it still runs', { ref: false })]), [0, null])
    })
  }
})

t.test('every reason not to listen names the key to set', (t) => {
  const listen = { host: '192.0.2.1', port: 80, hostKey: 'RUNTIME_HOST', portKey: 'RUNTIME_PORT' }
  const message = (code: string) => startupMessage(Object.assign(new Error('x'), { code }), listen)
  t.match(message('EADDRINUSE'), /^Port 80 on 192\.0\.2\.1 .* RUNTIME_PORT /)
  t.match(message('EACCES'), /^Port 80 .* RUNTIME_PORT to a port above 1023\.$/)
  t.match(message('EADDRNOTAVAIL'), /^Address 192\.0\.2\.1 .* RUNTIME_HOST /)
  t.match(message('ENOTFOUND'), /RUNTIME_HOST/)
  t.equal(startupMessage(new StartupError('do this'), listen), 'do this')
  t.equal(message('EMFILE'), undefined)
  t.equal(startupMessage(undefined, listen), undefined)
  t.end()
})
