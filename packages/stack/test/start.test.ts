import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../src/claim.ts'
import { createTail } from '../src/lines.ts'
import { REPOSITORY_ROOT, SOURCE_FLAGS } from '../src/paths.ts'
import { processStart } from '../src/process-identity.ts'
import { readProcesses } from '../src/stack/processes-file.ts'
import { bareEnvironment, waitFor } from '../src/test.ts'

// The program behind `npm start`, as a process.

const folder = mkdtempSync(join(tmpdir(), 'semibot-start-'))
chmodSync(folder, 0o711)
const home = join(folder, 'state')
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const ports = {
  API_PORT: String(await freePort()),
  RUNTIME_PORT: String(await freePort()),
  SIMULATOR_PORT: String(await freePort()),
  POSTGRES_PORT: String(await freePort())
}

function npmStart(t: Test, settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, [...SOURCE_FLAGS, 'packages/stack/src/main.ts'], {
    cwd: REPOSITORY_ROOT,
    env: { ...bareEnvironment(), SEMIBOT_HOME: home, ...ports, ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc']
  })
  const output = createTail(1000)
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(String(chunk)))
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await exited
  })
  const text = (): string => output.lines.join('')
  const up = () =>
    waitFor(() => text().includes('Semibot is up') || child.exitCode !== null, {
      what: 'npm start to be up',
      timeoutMs: 60_000
    })
  return { child, exited, text, up }
}

function devEnv(): Record<string, string> {
  const lines = readFileSync(join(home, 'dev.env'), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => /^export (\w+)='(.*)'$/.exec(line)?.slice(1) as [string, string]))
}

async function sessions(): Promise<{ id: string }[]> {
  const { BASE_URL, API_KEY } = devEnv()
  const response = await fetch(`${BASE_URL}/api/v1/sessions`, { headers: { authorization: `Bearer ${API_KEY}` } })
  return ((await response.json()) as { data: { id: string }[] }).data
}

// These start real servers; a busy machine takes its time.
t.setTimeout(110_000)

t.test('killed with -9 and started again it keeps its data; a second one beside it is refused', async (t) => {
  const first = npmStart(t)
  await first.up()
  t.match(first.text(), /Semibot is up: http:\/\/127\.0\.0\.1:\d+/)
  t.equal(statSync(join(home, 'dev.env')).mode & 0o777, 0o600)
  const variables = devEnv()
  t.equal(variables.BASE_URL, `http://127.0.0.1:${ports.API_PORT}`)
  const response = await fetch(`${variables.BASE_URL}/api/v1/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${variables.API_KEY}` },
    body: JSON.stringify({ message: 'Hello', stream: false })
  })
  t.equal(response.status, 200, await response.text())
  const log = (name: string) => readFileSync(join(home, 'logs', name), 'utf8')
  await waitFor(() => log('api.log').includes('[DirectLlm]') || log('api.log').includes('[RuntimeAdapter]'), {
    what: 'the chat in the log file of the api'
  })
  const before = await sessions()
  t.equal(before.length, 1)

  const beside = npmStart(t)
  t.match(await beside.exited, { code: 1 })
  t.match(beside.text(), `Semibot runs on ${home} already (pid ${first.child.pid}): stop it first`)

  const left = readProcesses(home)
  first.child.kill('SIGKILL')
  await first.exited
  t.ok(
    left.every(({ pid }) => processStart(pid) !== ''),
    'its processes live on'
  )

  const second = npmStart(t)
  await second.up()
  for (const { name, pid } of left.filter((entry) => entry.name !== 'redis'))
    t.match(second.text(), `(pid ${pid})`, `${name} is reported`)
  t.same(
    left.map(({ pid }) => processStart(pid)),
    left.map(() => ''),
    'and are gone now'
  )
  t.same(await sessions(), before, 'the key and the data are the same')
  t.match(log('api.log.1'), /\[(DirectLlm|RuntimeAdapter)\] /, 'the log of the run before is kept')
  t.notMatch(log('api.log'), /\[(DirectLlm|RuntimeAdapter)\] [回执]/, 'and a new one has begun')
  t.match(log('runtime.log'), /"name":"runtime-orchestrator"/)

  const runtime = readProcesses(home).find((entry) => entry.name === 'runtime')
  process.kill(runtime?.pid ?? 0, 'SIGKILL')
  await waitFor(() => second.text().includes('runtime runs again'), {
    what: 'the runtime to be started again',
    timeoutMs: 15_000
  })

  const pids = readProcesses(home).map((entry) => entry.pid)
  second.child.kill('SIGTERM')
  t.match(await second.exited, { code: 0 })
  t.match(second.text(), 'Everything has stopped.')
  t.same(
    pids.map(processStart),
    pids.map(() => '')
  )
  t.notOk(existsSync(join(home, 'start.lock')))
  t.notOk(existsSync(join(home, 'processes.json')))
})

t.test('a taken port gives one clear line', async (t) => {
  const server = createServer().listen(Number(ports.API_PORT), '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const start = npmStart(t)
  t.match(await start.exited, { code: 1 })
  t.match(
    start.text().trim().split('\n').at(-1),
    `port ${ports.API_PORT} is taken, and api needs it: stop what uses it, or set API_PORT to another port`
  )
})

t.test('a state folder that cannot be written gives one clear line', async (t) => {
  writeFileSync(join(folder, 'file'), '')
  const start = npmStart(t, { SEMIBOT_HOME: join(folder, 'file/state') })
  t.match(await start.exited, { code: 1 })
  t.match(
    start.text().trim().split('\n').at(-1),
    /^cannot write to the state folder .*file\/state \(ENOTDIR\): make it writable, or set SEMIBOT_HOME$/
  )
})

t.test('it stops when its launcher is gone', async (t) => {
  const start = npmStart(t)
  await waitFor(() => readProcesses(home).length > 0, { what: 'PostgreSQL to run', timeoutMs: 20_000 })
  const [postgres] = readProcesses(home)
  start.child.disconnect()
  t.match(await start.exited, { code: 0 })
  t.match(start.text(), 'the launcher is gone: stopping')
  t.equal(processStart(postgres?.pid ?? 0), '')
  t.notOk(existsSync(join(home, 'start.lock')))
})
