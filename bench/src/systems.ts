import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ENTRIES,
  freePort,
  REPOSITORY_ROOT,
  type RunningProcess,
  runCli,
  SOURCE_FLAGS,
  startPostgres,
  startProcess
} from '@semibot/stack'
import type { Target } from './types.ts'

/** A system under test: one process, and how it is asked. */
export interface System extends Target {
  name: string
  pid: number
}

export interface Systems {
  pipe: System
  api: System
  /** Further apis beside it, by name. */
  variants: Readonly<Record<string, System>>
  stop(): Promise<void>
}

/**
 * Everything the bench needs, each as its own process: upstream, pipe, Postgres, the api; and an api for each of
 * `variants`, with these keys in its environment.
 */
export async function startSystems(
  report: (text: string) => void,
  variants: Readonly<Record<string, Readonly<Record<string, string>>>> = {}
): Promise<Systems> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of stops.reverse()) await end()
  }
  try {
    const upstreamPort = await freePort()
    const upstream = `http://127.0.0.1:${upstreamPort}`
    stops.push((await startUpstream(upstreamPort)).stop)
    const pipe = await startPipe(upstream)
    stops.push(pipe.stop)

    const folder = mkdtempSync(join(tmpdir(), 'semibot-bench-'))
    stops.push(async () => rmSync(folder, { recursive: true, force: true }))
    report('PostgreSQL, with fsync as in production')
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres') })
    stops.push(() => postgres.stop())
    const cliEnv = { ...process.env, DATABASE_URL: postgres.url }
    await runCli(['db', 'migrate'], cliEnv)
    const seeded = JSON.parse(await runCli(['dev', 'seed'], cliEnv)) as { directOrg: { apiKey: string } }

    const startApi = async (name: string, env: Readonly<Record<string, string>>): Promise<System> => {
      const port = await freePort()
      const api = await startProcess({
        name,
        command: process.execPath,
        args: [...SOURCE_FLAGS, ENTRIES.api],
        cwd: REPOSITORY_ROOT,
        env: {
          PATH: process.env.PATH,
          ENV_FILE: '/dev/null',
          DATABASE_URL: postgres.url,
          LLM_BASE_URL: `${upstream}/v1`,
          LLM_MODEL: 'bench',
          API_PORT: String(port),
          ADMIN_TOKEN: randomBytes(24).toString('hex'),
          RUNTIME_SERVICE_TOKEN: randomBytes(24).toString('hex'),
          CHAT_MAX_IN_FLIGHT: '5000',
          ...env
        },
        ready: { url: `http://127.0.0.1:${port}/health` }
      })
      stops.push(() => api.stop())
      return {
        name,
        pid: api.pid,
        url: `http://127.0.0.1:${port}/api/v1/chat`,
        headers: { authorization: `Bearer ${seeded.directOrg.apiKey}` },
        chunkKey: 'delta'
      }
    }
    const api = await startApi('api', {})
    const others: Record<string, System> = {}
    for (const [name, env] of Object.entries(variants)) others[name] = await startApi(name, env)
    return {
      pipe,
      api,
      variants: others,
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The model server of the benches, see upstream.ts. */
export async function startUpstream(port: number): Promise<{ stop: () => Promise<unknown> }> {
  const running = await startProgram('upstream', { PORT: String(port) })
  return { stop: () => running.stop() }
}

/** The bare relay, see pipe.ts. */
export async function startPipe(upstream: string): Promise<System & { stop: () => Promise<unknown> }> {
  const port = await freePort()
  const running = await startProgram('pipe', { PORT: String(port), UPSTREAM: upstream })
  return {
    name: 'pipe',
    pid: running.pid,
    url: `http://127.0.0.1:${port}/relay`,
    headers: {},
    chunkKey: 'content',
    stop: () => running.stop()
  }
}

function startProgram(name: string, env: Record<string, string>): Promise<RunningProcess> {
  return startProcess({
    name,
    command: process.execPath,
    args: [...SOURCE_FLAGS, join(REPOSITORY_ROOT, 'bench/src', `${name}.ts`)],
    env: { PATH: process.env.PATH, ...env },
    ready: { line: /listens/ }
  })
}
