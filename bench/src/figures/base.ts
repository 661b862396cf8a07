import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import {
  createLogBook,
  type DevOrganization,
  ENTRIES,
  freePort,
  type LogBook,
  REPOSITORY_ROOT,
  type RunningProcess,
  runCli,
  SOURCE_FLAGS,
  startPostgres,
  startProcess
} from '@semibot/stack'
import type { LoadMessage } from './load/chat-load.ts'

/** One of our services, as a process of its own. */
export interface Service {
  name: string
  url: string
  port: number
  pid: number
  log: LogBook
  kill(signal: NodeJS.Signals): void
  stop(): Promise<unknown>
}

/** What every scenario stands on: one PostgreSQL, one simulator, two organisations. */
export interface Base {
  databaseUrl: string
  adminToken: string
  /** Admitted to the runtime. */
  runtimeOrg: DevOrganization
  directOrg: DevOrganization
  simulator: Simulator
  /** `entry`: another entry file than the product's, relative to the clone. */
  startRuntime(env?: Record<string, string>, entry?: string): Promise<Service>
  /** Kills PostgreSQL as a crash would, and starts it again after so many milliseconds. */
  restartPostgres(downMs: number): Promise<void>
  startApi(env: Record<string, string>): Promise<Service>
  stop(): Promise<void>
}

export interface Simulator {
  pid: number
  control(settings: object): Promise<void>
  reset(): Promise<void>
  stats(): Promise<Record<string, number>>
  /** A message that asks for so many words, and what will be answered. */
  message(question: string, words: number, varies?: boolean): Promise<LoadMessage>
}

/** Starts PostgreSQL, migrates and seeds it, and starts the simulator. Everything is on the loopback and on free ports. */
export async function startBase(report: (text: string) => void): Promise<Base> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    const folder = mkdtempSync(join(tmpdir(), 'semibot-figures-'))
    stops.push(async () => rmSync(folder, { recursive: true, force: true }))
    report('PostgreSQL, with fsync as in production')
    const [password, adminPassword] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')]
    const dataDir = join(folder, 'postgres')
    let postgres = await startPostgres({ dataDir, password, adminPassword })
    stops.push(() => postgres.stop())
    const cliEnv = { PATH: process.env.PATH, ENV_FILE: '/dev/null', DATABASE_URL: postgres.url }
    await runCli(['db', 'migrate'], cliEnv)
    const seeded = JSON.parse(await runCli(['dev', 'seed'], cliEnv)) as Pick<Base, 'runtimeOrg' | 'directOrg'>

    const adminToken = randomBytes(24).toString('hex')
    const common = {
      PATH: process.env.PATH ?? '',
      ENV_FILE: '/dev/null',
      DATABASE_URL: postgres.url,
      RUNTIME_SERVICE_TOKEN: randomBytes(24).toString('hex'),
      SHUTDOWN_GRACE_MS: '500'
    }
    const own = async (
      kind: keyof typeof ENTRIES,
      portKey: string,
      env: Record<string, string>,
      entry?: string
    ): Promise<Service> => {
      const service = await startService(kind, portKey, { ...common, ...env }, entry)
      stops.push(service.stop)
      return service
    }
    const pace = { SIMULATOR_FIRST_TOKEN_MS: '50', SIMULATOR_GAP_MS: '20' }
    const simulator = await own('simulator', 'SIMULATOR_PORT', pace)
    const model = { LLM_BASE_URL: `${simulator.url}/v1` }
    return {
      ...seeded,
      databaseUrl: postgres.url,
      adminToken,
      simulator: controlOf(simulator),
      startRuntime: (env = {}, entry) =>
        own('runtime', 'RUNTIME_PORT', { ...model, RUNTIME_MAX_CONCURRENT_EXECUTIONS: '5000', ...env }, entry),
      restartPostgres: async (downMs) => {
        const { port } = postgres
        // SIGQUIT: the server ends at once and recovers from its log, as after a crash.
        postgres.process.kill('SIGQUIT')
        await postgres.process.exited
        await pause(downMs)
        postgres = await startPostgres({ dataDir, port, password, adminPassword })
      },
      startApi: (env) =>
        own('api', 'API_PORT', {
          ...model,
          ADMIN_TOKEN: adminToken,
          CHAT_RUNTIME_ENABLED_ORGS: seeded.runtimeOrg.slug,
          CHAT_MAX_IN_FLIGHT: '5000',
          ...env
        }),
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startService(
  kind: keyof typeof ENTRIES,
  portKey: string,
  env: Record<string, string>,
  entry: string = ENTRIES[kind]
): Promise<Service> {
  const port = env[portKey] === undefined ? await freePort() : Number(env[portKey])
  const url = `http://127.0.0.1:${port}`
  const log = createLogBook()
  const running: RunningProcess = await startProcess({
    name: kind,
    command: process.execPath,
    args: [...SOURCE_FLAGS, entry],
    cwd: REPOSITORY_ROOT,
    env: { ...env, [portKey]: String(port) },
    ready: { url: `${url}${kind === 'simulator' ? '/health' : '/ready'}` },
    readyTimeoutMs: 60_000,
    log: log.write
  })
  return { name: kind, url, port, pid: running.pid, log, kill: running.kill, stop: () => running.stop() }
}

function controlOf({ url, pid }: Service): Simulator {
  return {
    pid,
    control: async (settings) => void (await ask(`${url}/control`, settings)),
    reset: async () => void (await ask(`${url}/control/reset`, {})),
    stats: async () => (await ask(`${url}/control/stats`)) as Record<string, number>,
    async message(question, words, varies = false) {
      const content = `${question} [[sim:length=${words}${varies ? ' vary' : ''}]]`
      const plain = `${question} [[sim:length=${words} delay=0 gap=0]]`
      const messages = [{ role: 'user', content: plain }]
      const body = await ask(`${url}/v1/chat/completions`, { model: 'simulator', messages })
      const { choices } = body as { choices: { message: { content: string } }[] }
      return { content, answer: choices[0]?.message.content ?? '', varies }
    }
  }
}

/** A JSON call that must succeed. */
export async function ask(url: string, body?: object, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000)
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`)
  return text === '' ? undefined : JSON.parse(text)
}
