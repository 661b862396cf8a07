import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createLogBook,
  type FaultProxy,
  faultProxy,
  freePort,
  type LogBook,
  REPOSITORY_ROOT,
  runCli,
  SOURCE_FLAGS
} from '@semibot/stack'
import { bareEnvironment, startSimulator, type TestSimulator } from '@semibot/stack/test'
import pg from 'pg'
import { bodyOf, call } from './http.ts'
import type { Target } from './plan.ts'
import { type Server, startCrashingPostgres, startCrashingRedis } from './servers.ts'
import { type Service, startService } from './service.ts'

export interface StackOptions {
  runtimes: number
  /** Processes behind the address of each runtime. */
  workers: number
  /** Where the log of each process is kept, and what was done to them. */
  logFolder: string
  onDeath: (what: string) => void
}

/** Everything that takes part in a round, and what can be done to it. */
export interface ChaosStack {
  apis: Service[]
  runtimes: Service[]
  roads: ReadonlyMap<string, FaultProxy>
  servers: ReadonlyMap<string, Server>
  simulator: TestSimulator
  /** Past all roads. */
  db: pg.Pool
  /** By mode: the key of an organisation whose chats go there, and its id. */
  orgs: { runtime: { id: string; apiKey: string }; direct: { id: string; apiKey: string } }
  adminToken: string
  effectsFile: string
  targets: Target[]
  /** What apis and runtimes have logged. */
  book: LogBook
  /** Into the log of the round, with the time. */
  note(text: string): void
  stop(): Promise<void>
}

export const EXECUTION_TIMEOUT_MS = 30_000
const GRACE_MS = 1500
const ENTRIES = {
  api: 'apps/api/src/server.ts',
  runtime: 'apps/runtime-orchestrator/test/fixtures/effects/server.ts'
}
const ADMIN_TOKEN = 'admin-token-of-the-chaos-0123456789-abcdef'

/** Two apis before runtimes whose tools write down what they do, with a road that can be harmed to everything. */
export async function startStack(options: StackOptions): Promise<ChaosStack> {
  const { logFolder, onDeath } = options
  const stops: (() => unknown)[] = []
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  const folder = mkdtempSync(join(tmpdir(), 'semibot-chaos-'))
  stops.push(() => rmSync(folder, { recursive: true, force: true }))
  // The database of root runs as another user, who must be able to cross the folder.
  await chmod(folder, 0o711)
  rmSync(logFolder, { recursive: true, force: true })
  mkdirSync(logFolder, { recursive: true })
  const logTo = (name: string) => {
    const file = createWriteStream(join(logFolder, `${name}.log`))
    stops.push(() => new Promise((resolve) => file.end(resolve)))
    return (line: string) => void (file.writable && file.write(`${line}\n`))
  }
  const book = createLogBook()
  const timeline = logTo('timeline')
  const note = (text: string) => timeline(`${new Date().toISOString()} ${text}`)
  try {
    const postgres = await startCrashingPostgres(join(folder, 'postgres'), logTo('postgres'))
    stops.push(postgres.stop)
    const redis = await startCrashingRedis(logTo('redis'))
    stops.push(redis.stop)
    const cliEnv = { ...bareEnvironment(), DATABASE_URL: postgres.url }
    await runCli(['db', 'migrate'], cliEnv)
    const seeded = JSON.parse(await runCli(['dev', 'seed'], cliEnv)) as Record<
      'runtimeOrg' | 'directOrg',
      { id: string; slug: string; apiKey: string }
    >
    const simulator = await startSimulator({ teardown: (end) => void stops.push(end) }, PACE)
    const db = new pg.Pool({ connectionString: postgres.url, max: 2 })
    db.on('error', () => {})
    stops.push(() => db.end())

    const roads = new Map<string, FaultProxy>()
    const road = async (name: string, target: string): Promise<string> => {
      const proxy = await faultProxy({ target })
      stops.push(proxy.stop)
      roads.set(name, proxy)
      const url = new URL(target)
      url.port = String(proxy.port)
      return url.href.replace(/\/$/, '')
    }
    const effectsFile = join(logFolder, 'effects.log')
    const shared = {
      ...bareEnvironment(),
      NODE_ENV: 'test',
      LLM_BASE_URL: simulator.baseUrl,
      RUNTIME_SERVICE_TOKEN: 'service-token-of-the-chaos-0123456789',
      RUNTIME_EXECUTION_TIMEOUT_MS: String(EXECUTION_TIMEOUT_MS),
      CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS: String(EXECUTION_TIMEOUT_MS),
      SHUTDOWN_GRACE_MS: String(GRACE_MS)
    }
    const own = async (kind: keyof typeof ENTRIES, index: number, port: number, env: Record<string, string>) => {
      const name = `${kind}-${index}`
      const toFile = logTo(name)
      const service = await startService({
        name,
        url: `http://127.0.0.1:${port}`,
        command: process.execPath,
        args: [...SOURCE_FLAGS, ENTRIES[kind]],
        cwd: REPOSITORY_ROOT,
        env: { ...shared, ...env, [kind === 'api' ? 'API_PORT' : 'RUNTIME_PORT']: String(port) },
        readyTimeoutMs: 60_000,
        stopTimeoutMs: 20_000,
        log: (line) => {
          toFile(line)
          book.write(line)
        },
        onDeath,
        note
      })
      stops.push(service.stop)
      return service
    }
    const count = (length: number) => Array.from({ length }, (_unused, index) => index)
    const ports = await Promise.all(count(options.runtimes).map(() => freePort()))
    const runtimeEnv = {
      DATABASE_URL: await road('runtimes-postgres', postgres.url),
      EFFECTS_FILE: effectsFile,
      RUNTIME_WORKERS: String(options.workers)
    }
    const runtimes = await Promise.all(ports.map((port, index) => own('runtime', index, port, runtimeEnv)))
    const ways: string[] = []
    for (const [index, port] of ports.entries()) {
      ways.push(await road(`apis-runtime-${index}`, `http://127.0.0.1:${port}`))
    }
    const apiEnv = {
      DATABASE_URL: await road('apis-postgres', postgres.url),
      RUNTIME_SERVICE_URL: ways.join(','),
      CHAT_RUNTIME_ENABLED_ORGS: seeded.runtimeOrg.slug,
      ADMIN_TOKEN
    }
    const redisUrls = [await road('api-0-redis', redis.url), await road('api-1-redis', redis.url)]
    const apis = await Promise.all(
      redisUrls.map(async (REDIS_URL, index) => own('api', index, await freePort(), { ...apiEnv, REDIS_URL }))
    )
    const { id, apiKey } = seeded.runtimeOrg
    await makeAgent(apis[0]!, apiKey)
    return {
      apis,
      runtimes,
      roads,
      servers: new Map([
        ['postgres', postgres],
        ['redis', redis]
      ]),
      simulator,
      db,
      orgs: { runtime: { id, apiKey }, direct: { id: seeded.directOrg.id, apiKey: seeded.directOrg.apiKey } },
      adminToken: ADMIN_TOKEN,
      effectsFile,
      targets: [
        ...[...apis, ...runtimes].map(({ name }) => ({ name, kind: 'service' as const, weight: 3 })),
        ...(options.workers === 1
          ? []
          : runtimes.map(({ name }) => ({ name: `${name}-worker`, kind: 'worker' as const, weight: 5 }))),
        ...[...roads.keys()].map((name) => ({ name, kind: 'road' as const, weight: 2 })),
        ...['postgres', 'redis'].map((name) => ({ name, kind: 'server' as const, weight: 1 })),
        { name: 'model', kind: 'model', weight: 3 }
      ],
      book,
      note,
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const PACE = { SIMULATOR_FIRST_TOKEN_MS: '30', SIMULATOR_GAP_MS: '15' }

/** An agent with the tools whose effects can be counted. */
async function makeAgent({ url }: Service, key: string): Promise<void> {
  const body = { slug: 'worker', name: 'Worker', tools: ['effect_none', 'effect_idempotent', 'effect_unsafe'] }
  const answer = await call({ url: `${url}/api/v1/agents`, method: 'POST', key, body, timeoutMs: 10_000 })
  if (answer.statusCode !== 201) throw new Error(`the agent was refused: ${JSON.stringify(await bodyOf(answer))}`)
}
