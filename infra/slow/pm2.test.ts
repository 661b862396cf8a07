import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort, parseMetrics, REPOSITORY_ROOT, sumOf, waitFor } from '@semibot/stack'
import { bareEnvironment, createTestDatabase, startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { chat, startChatLoad } from '../src/load/chat-load.ts'
import { packRelease } from '../src/machine/pack-release.ts'

// infra/pm2/ecosystem.config.cjs with the real pm2, as the operations document uses it, on a release as it is installed.

const run = promisify(execFile)
const ADMIN = 'an-operator-token-of-this-test-0123456789abcdef'
const SERVICE = 'a-service-token-of-this-test-0123456789abcdef'
const WAIT = { timeoutMs: 60_000 }

const release = await packRelease({ say: (line) => t.comment(line) })
const folder = mkdtempSync(join(tmpdir(), 'semibot-pm2-'))
for (const part of ['config', 'logs', 'home', 'one', 'two']) mkdirSync(join(folder, part))
const PAGES = ['deploy-debian.md', 'deploy-debian.zh-CN.md'].map((page) =>
  readFileSync(join(REPOSITORY_ROOT, 'docs', page), 'utf8')
)

/** The words of a pm2 command as the docs have it, in both languages. */
function documented(command: string): string[] {
  if (!PAGES.every((page) => page.includes(command))) throw new Error(`docs/deploy-debian*.md do not have: ${command}`)
  return command.split(' ').slice(1)
}

/** What /opt/semibot/current is on a machine: the first of two releases, until it is changed. */
const current = join(folder, 'current')
for (const name of ['one', 'two']) {
  for (const part of ['app', 'bin']) symlinkSync(join(release.folder, part), join(folder, name, part))
}
symlinkSync('one', current)

const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '20', SIMULATOR_GAP_MS: '5' })
const databaseUrl = await createTestDatabase(t)
const apiPort = await freePort()
const runtimePort = await freePort()
const metricsPort = await freePort()
const baseUrl = `http://127.0.0.1:${apiPort}`

function writeSettings(own: Record<string, string | number> = {}): void {
  const shared = {
    DATABASE_URL: databaseUrl,
    LLM_BASE_URL: simulator.baseUrl,
    RUNTIME_SERVICE_TOKEN: SERVICE,
    API_PORT: apiPort,
    RUNTIME_PORT: runtimePort,
    RUNTIME_SERVICE_URL: `http://127.0.0.1:${runtimePort}`
  }
  const lines = (values: object) => Object.entries(values).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(join(folder, 'config/runtime.env'), lines(shared).join(''))
  const api = { ...shared, ADMIN_TOKEN: ADMIN, CHAT_EXECUTION_MODE: 'runtime_orchestrator', ...own }
  writeFileSync(join(folder, 'config/api.env'), lines(api).join(''))
}

const pm2Program = join(dirname(fileURLToPath(import.meta.resolve('pm2/package.json'))), 'bin/pm2')
const environment = {
  ...bareEnvironment(),
  HOME: join(folder, 'home'),
  PM2_HOME: join(folder, 'home/.pm2'),
  SEMIBOT_RELEASE: current,
  SEMIBOT_CONFIG: join(folder, 'config'),
  SEMIBOT_LOGS: join(folder, 'logs'),
  SEMIBOT_METRICS_PORT: String(metricsPort)
}
// The shell in which an operator works has no ENV_FILE.
Reflect.deleteProperty(environment, 'ENV_FILE')

async function pm2(...words: string[]): Promise<string> {
  const options = { cwd: folder, env: environment, timeout: 150_000, maxBuffer: 16 * 1024 * 1024 }
  const { stdout } = await run(process.execPath, [pm2Program, ...words], options)
  return stdout
}

interface Listed {
  name: string
  pid: number
  pm2_env: { status: string; restart_time: number }
}

async function list(name: string): Promise<Listed[]> {
  const apps = JSON.parse((await pm2('jlist', '--silent')).replace(/^[^[]*/, '')) as Listed[]
  return apps.filter((app) => app.name === name)
}

async function pids(name: string): Promise<number[]> {
  return (await list(name)).map(({ pid }) => pid)
}

async function semibot(...words: string[]): Promise<string> {
  const env = { ...bareEnvironment(), DATABASE_URL: databaseUrl }
  const { stdout } = await run(join(current, 'bin/semibot'), ['--json', ...words], { env })
  return stdout
}

async function operator(path: string): Promise<{ data: Record<string, unknown> }> {
  const response = await fetch(`${baseUrl}${path}`, { headers: { authorization: `Bearer ${ADMIN}` } })
  return (await response.json()) as { data: Record<string, unknown> }
}

writeSettings()
await semibot('orgs', 'create', 'acme')
const { key } = JSON.parse(await semibot('keys', 'create', 'acme')) as { key: string }

/** pm2 lives on by itself, also when this file is ended by its runner. */
function endDaemon(): void {
  try {
    process.kill(Number(readFileSync(join(folder, 'home/.pm2/pm2.pid'), 'utf8')), 'SIGTERM')
  } catch {
    // It has ended.
  }
}

process.once('exit', endDaemon)
t.before(async () => {
  await pm2('start', join(import.meta.dirname, '../pm2/ecosystem.config.cjs'))
})
t.teardown(async () => {
  await pm2('kill')
  rmSync(folder, { recursive: true, force: true })
})

const ready = () =>
  waitFor(async () => (await fetch(`${baseUrl}/ready`).catch(() => undefined))?.ok, { ...WAIT, what: 'the api' })

t.test('pm2 start brings up api and runtime, and chats run in the runtime', async (t) => {
  await ready()
  t.equal((await list('api')).length, 2)
  t.equal((await list('runtime')).length, 1)
  t.equal(await chat(baseUrl, key), 'runtime_orchestrator')
})

t.test('each api worker has figures of its own, which add up', async (t) => {
  const counts = async () =>
    await Promise.all(
      [metricsPort, metricsPort + 1].map(async (port) => {
        const response = await fetch(`http://127.0.0.1:${port}/metrics`)
        return sumOf([parseMetrics(await response.text())], 'chat_request_total')
      })
    )
  const before = await counts()
  for (let index = 0; index < 6; index++) await chat(baseUrl, key)
  await waitFor(
    async () => {
      const after = await counts()
      return after[0]! + after[1]! - before[0]! - before[1]! === 6
    },
    { ...WAIT, what: 'both ports to have counted six chats together' }
  )
  t.pass('six chats are on the two ports together')
  t.equal(
    (await fetch(`${baseUrl}/metrics`)).status,
    404,
    'and not on the port of chats, which either worker may answer'
  )
})

t.test('workers that share nothing are reported', async (t) => {
  const { dependencies } = (await (await fetch(`${baseUrl}/ready`)).json()) as {
    dependencies: { redis: { state: string; detail: string } }
  }
  t.match(dependencies.redis, { state: 'off', detail: /2 api processes/ })
})

t.test(
  'pm2 reload api: both workers are replaced, by the release that is current now, and no chat fails',
  async (t) => {
    const before = await pids('api')
    const load = startChatLoad({ baseUrl, apiKey: key, concurrency: 6, pauseMs: 20 })
    await waitFor(() => load.summary.completed >= 10, { ...WAIT, what: 'the first chats' })
    const folders = async () => (await pids('api')).map((pid) => basename(readlinkSync(`/proc/${pid}/cwd`)))
    t.strictSame(await folders(), ['one', 'one'])
    rmSync(current)
    symlinkSync('two', current)
    await pm2(...documented('pm2 reload api'))
    const done = load.summary.completed
    await waitFor(() => load.summary.completed >= done + 10, { ...WAIT, what: 'chats after the reload' })
    const { completed, failures, modes } = await load.stop()
    t.comment(`${completed} chats, ${failures.length} failed, ${JSON.stringify(modes)}`)
    t.strictSame(failures, [])
    const after = await pids('api')
    t.equal(after.length, 2)
    t.notOk(
      after.some((pid) => before.includes(pid)),
      'both are new'
    )
    t.strictSame(await folders(), ['two', 'two'])
  }
)

t.test('pm2 restart runtime: no chat fails, and chats come back to it', async (t) => {
  const [before] = await pids('runtime')
  const load = startChatLoad({ baseUrl, apiKey: key, concurrency: 4, pauseMs: 20 })
  await waitFor(() => load.summary.completed >= 5, { ...WAIT, what: 'the first chats' })
  await pm2(...documented('pm2 restart runtime'))
  await waitFor(async () => (await chat(baseUrl, key)) === 'runtime_orchestrator', {
    ...WAIT,
    what: 'a chat in the runtime again'
  })
  const { completed, failures, modes } = await load.stop()
  t.comment(`${completed} chats, ${failures.length} failed, ${JSON.stringify(modes)}`)
  t.strictSame(failures, [])
  t.not((await pids('runtime'))[0], before)
})

t.test('pm2 restart api takes up a changed .env, as the operations document does it', async (t) => {
  const threshold = async (): Promise<unknown> => {
    const { data } = await operator('/api/v1/runtime/fallback/status')
    return (data.thresholds as { errorRate: number }).errorRate
  }
  t.equal(await threshold(), 0.5)
  writeSettings({ CHAT_RUNTIME_ERROR_RATE_THRESHOLD: '"0.7"  # from 0.5' })
  await pm2(...documented('pm2 restart api'))
  await ready()
  t.equal(await threshold(), 0.7)
  t.equal((await pids('api')).length, 2)
})

t.test('pm2 sendSignal SIGHUP reaches both workers, which read .env and open the log again', async (t) => {
  const log = () => readFileSync(join(folder, 'logs/api.log'), 'utf8').split('\n')
  const opened = () => log().filter((line) => line.includes('SIGHUP: log file opened again')).length
  const before = opened()
  writeSettings({ CHAT_RUNTIME_ERROR_RATE_THRESHOLD: '0.6' })
  await pm2(...documented('pm2 sendSignal SIGHUP api'))
  await waitFor(() => opened() === before + 2, { ...WAIT, what: 'both to open the log again' })
  const changes = log().filter((line) => line.includes('CHAT_RUNTIME_ERROR_RATE_THRESHOLD') && line.includes('0.6'))
  t.equal(changes.length, 2)
})

t.test('two workers write one log file: each line is there once, and whole', async (t) => {
  const lines = readFileSync(join(folder, 'logs/api.log'), 'utf8').trimEnd().split('\n')
  const parsed = lines.map((line) => JSON.parse(line) as { pid: number; msg: string })
  t.equal(new Set(lines).size, lines.length, 'no line twice')
  t.ok(new Set(parsed.map(({ pid }) => pid)).size >= 4, 'all workers, the replaced ones too, wrote there')
})
