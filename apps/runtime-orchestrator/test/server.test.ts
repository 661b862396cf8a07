import { once } from 'node:events'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeRequest, makeToolRequest, post, readStream, run, typesOf } from './helpers/execute.ts'
import { startServer } from './helpers/start-server.ts'

const simulator = await startSimulator(t)
const LLM = { LLM_BASE_URL: simulator.baseUrl }

t.test('SIGTERM: what can finish does, the rest is interrupted, nothing new begins, exit 0', async (t) => {
  const server = startServer(t, { ...LLM, SHUTDOWN_GRACE_MS: '1500' })
  const origin = await server.origin()
  const slow = [
    makeRequest('Tell me [[sim:length=10000 gap=10]]'),
    makeRequest('Wait [[sim:hang]]'),
    makeToolRequest('Tell me [[sim:length=10000 gap=10]]')
  ]
  const streams = await Promise.all(slow.map(async (request) => readStream(await post(origin, request))))
  await Promise.all(streams.map((stream) => stream.until('execution.started')))
  const whole = post(origin, makeRequest('Wait [[sim:hang]]'), { path: '/api/v1/execute' })
  await waitFor(async () => (await simulator.stats()).open === 4, { what: 'four model calls' })
  // Last of all: it must still be under way at the signal.
  const quick = readStream(await post(origin, makeRequest('Tell me [[sim:length=40 gap=20]]')))
  await quick.until('message.delta')

  const signalled = performance.now()
  server.kill('SIGTERM')
  await waitFor(async () => (await fetch(`${origin}/ready`)).status === 503, { what: '/ready to answer 503' })
  t.match(await (await fetch(`${origin}/ready`)).json(), { status: 'draining' })
  const health = await fetch(`${origin}/health`)
  t.same([health.status, await health.json()], [200, { status: 'draining' }], '/health stays 200')
  const refused = await post(origin, makeRequest('Hello'))
  t.equal(refused.status, 503)
  t.equal(refused.headers.get('retry-after'), '5')
  t.match(await refused.json(), { error: { code: 'SHUTTING_DOWN' } })

  t.match(lastOf(await quick.all(), 'execution.completed'), { finishReason: 'stop' })
  for (const stream of streams) {
    const events = await stream.all()
    t.match(lastOf(events, 'execution.interrupted'), { reason: 'shutdown' })
    t.equal(
      typesOf(events).filter((type) => /^execution\.(completed|failed|cancelled|interrupted)$/.test(type)).length,
      1
    )
  }
  const cut = await whole
  t.equal(cut.status, 503)
  t.match(await cut.json(), { error: { code: 'SHUTTING_DOWN' } })
  t.equal(await server.exited, 0)
  const tookMs = performance.now() - signalled
  t.ok(tookMs >= 1_400 && tookMs < 20_000, `after ${tookMs.toFixed()} ms`)
  await waitFor(async () => (await simulator.stats()).open === 0, { what: 'all model calls to be let go' })
})

t.test('SIGTERM without any execution ends at once', async (t) => {
  const server = startServer(t, LLM)
  const origin = await server.origin()
  t.equal((await fetch(`${origin}/health`)).status, 200)
  const signalled = performance.now()
  server.kill('SIGTERM')
  t.equal(await server.exited, 0)
  const tookMs = performance.now() - signalled
  t.ok(tookMs < 15_000, `${tookMs.toFixed()} ms`)
})

t.test('a reader that does not read cannot hold up the end', async (t) => {
  const server = startServer(t, { ...LLM, SHUTDOWN_GRACE_MS: '200' })
  const origin = await server.origin()
  const response = await post(origin, makeRequest('Tell me [[sim:length=90000 gap=0]]'))
  t.equal(response.status, 200)
  server.kill('SIGTERM')
  t.equal(await server.exited, 0)
})

t.test('what is wrong at the start is said in one line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const cases: [environment: Record<string, string>, says: RegExp][] = [
    [{ RUNTIME_SERVICE_TOKEN: '' }, /RUNTIME_SERVICE_TOKEN is not set, so every call would be refused/],
    [{ RUNTIME_PORT: String(port) }, new RegExp(`Port ${port} on 127.0.0.1 is already in use.*set RUNTIME_PORT`)],
    [{ RUNTIME_PORT: 'eighty', RUNTIME_MAX_STEPS: '-1' }, /RUNTIME_PORT[\s\S]*RUNTIME_MAX_STEPS/],
    [{ NODE_ENV: 'production', RUNTIME_SERVICE_TOKEN: 'short' }, /RUNTIME_SERVICE_TOKEN/]
  ]
  const servers = cases.map(([environment, says]) => ({ server: startServer(t, environment), says }))
  for (const { server, says } of servers) {
    t.equal(await server.exited, 1)
    t.match(server.output(), says)
    t.notMatch(server.output(), /\bat .*server\.ts|"short"/, 'without a stack and without the secret')
  }
})

t.test('SIGHUP opens the log file again and reads the level again', async (t) => {
  const folder = t.testdir({ '.env': 'LOG_LEVEL=info\n' })
  const file = join(folder, 'runtime.log')
  const envFile = join(folder, '.env')
  const server = startServer(t, { ...LLM, LOG_FILE: file, ENV_FILE: envFile })
  const origin = await server.origin()
  await run(origin, makeRequest('Hello, a private word'))
  const first = await waitFor(
    () => readFileSync(file, 'utf8').includes('execution completed') && readFileSync(file, 'utf8'),
    {
      what: 'the log file'
    }
  )
  t.match(first, /"msg":"\[Runtime\] execution started"\}\n/, 'msg is the last field')
  t.notMatch(first, /private word/)

  renameSync(file, `${file}.1`)
  writeFileSync(envFile, 'LOG_LEVEL=debug\nRUNTIME_MAX_STEPS=3\n')
  server.kill('SIGHUP')
  const reread = await waitFor(
    () => /configuration reloaded/.test(readFileSync(file, 'utf8')) && readFileSync(file, 'utf8'),
    {
      what: 'the new log file'
    }
  )
  t.match(reread, /"keys":\["LOG_LEVEL"\],"msg":"\[Runtime\] configuration reloaded"/)
  await waitFor(
    () =>
      /"keys":\["RUNTIME_MAX_STEPS"\],"msg":"\[Runtime\] configuration changed: restart to apply"/.test(
        server.output()
      ),
    {
      what: 'the warning'
    }
  )
  await fetch(`${origin}/health`)
  await waitFor(() => /"route":"\/health"/.test(readFileSync(file, 'utf8')), { what: 'a line at level debug' })

  writeFileSync(envFile, 'LOG_LEVEL=loud\n')
  server.kill('SIGHUP')
  await waitFor(() => /"key":"LOG_LEVEL".*configuration not reloaded/.test(server.output()), { what: 'the refusal' })
  t.pass('a bad value is refused and named')
})
