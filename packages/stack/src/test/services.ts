import { freePort } from '../claim.ts'
import { ENTRIES, REPOSITORY_ROOT, SOURCE_FLAGS } from '../paths.ts'
import { startProcess } from '../process.ts'
import { bareEnvironment, type TestScope } from './scope.ts'

/** A service that runs as a process of its own. */
export interface TestService {
  /** Without a slash at the end. */
  baseUrl: string
  port: number
  pid: number
  /** What it has written so far, oldest first, at most 2000 lines. */
  lines: readonly string[]
  kill(signal: NodeJS.Signals): void
  /** SIGTERM, then SIGKILL after 40 s; resolves when it is gone. */
  stop(): Promise<void>
}

/** What the simulator keeps of a call. */
export interface SimulatorCall {
  model: string
  messages: { role: string; content: string }[]
  /** Names of the tools that were offered. */
  tools: string[]
  /** Those that callers pass on, such as traceparent; never the authorization. */
  headers: Record<string, string>
}

/** The model simulator; `baseUrl` ends in `/v1`, ready for LLM_BASE_URL. */
export interface TestSimulator extends TestService {
  /** Sets faults, delays and variation for the calls that follow (POST /control). */
  control(settings: Record<string, unknown>): Promise<void>
  /** Back to the settings of the start, counters at 0. */
  reset(): Promise<void>
  /** Counters: open, started, completed, aborted, ... */
  stats(): Promise<Record<string, number>>
  /** The newest 50 calls, oldest first. */
  calls(): Promise<SimulatorCall[]>
}

/** Starts the simulator on a free port; it is stopped at teardown. `env` is added to a bare environment. */
export async function startSimulator(t: TestScope, env: Record<string, string> = {}): Promise<TestSimulator> {
  const service = await startService(t, 'simulator', 'SIMULATOR_PORT', env)
  const { baseUrl } = service
  return {
    ...service,
    baseUrl: `${baseUrl}/v1`,
    control: async (settings) => void (await call(`${baseUrl}/control`, settings)),
    reset: async () => void (await call(`${baseUrl}/control/reset`, {})),
    stats: async () => (await call(`${baseUrl}/control/stats`)) as Record<string, number>,
    calls: async () => (await call(`${baseUrl}/control/calls`)) as SimulatorCall[]
  }
}

/** Starts a runtime-orchestrator on a free port; it is stopped at teardown. */
export async function startRuntime(t: TestScope, env: Record<string, string> = {}): Promise<TestService> {
  return await startService(t, 'runtime', 'RUNTIME_PORT', env)
}

/** Starts an api on a free port; it is stopped at teardown. */
export async function startApi(t: TestScope, env: Record<string, string> = {}): Promise<TestService> {
  return await startService(t, 'api', 'API_PORT', env)
}

async function startService(
  t: TestScope,
  name: keyof typeof ENTRIES,
  portKey: string,
  env: Record<string, string>
): Promise<TestService> {
  const port = env[portKey] === undefined ? await freePort() : Number(env[portKey])
  const secure = name === 'runtime' && env.RUNTIME_TLS_CERT !== undefined
  const baseUrl = `http${secure ? 's' : ''}://127.0.0.1:${port}`
  const running = await startProcess({
    name,
    command: process.execPath,
    args: [...SOURCE_FLAGS, ENTRIES[name]],
    cwd: REPOSITORY_ROOT,
    env: { ...bareEnvironment(), NODE_ENV: 'test', ...env, [portKey]: String(port) },
    ready: { url: `${baseUrl}/health` },
    stopTimeoutMs: 40_000
  })
  const stop = async (): Promise<void> => void (await running.stop())
  t.teardown(stop)
  return { baseUrl, port, pid: running.pid, lines: running.lines, kill: (signal) => running.kill(signal), stop }
}

async function call(url: string, body?: Record<string, unknown>): Promise<unknown> {
  const request = body && {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body)
  }
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(5000) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}
