import type { TestScope } from './scope.ts'

/** A service that runs as a process of its own. */
export interface TestService {
  /** Without a slash at the end. */
  baseUrl: string
  pid: number
  /** Lines that it has written so far, newest last, at most 2000. */
  lines: readonly string[]
  kill(signal: NodeJS.Signals): void
  /** SIGTERM, then SIGKILL after 10 s; resolves when it is gone. */
  stop(): Promise<void>
}

/** The model simulator; `baseUrl` ends in `/v1`, ready for LLM_BASE_URL. */
export interface TestSimulator extends TestService {
  /** Sets faults, delays and variation for the calls that follow (POST /control). */
  control(settings: Record<string, unknown>): Promise<void>
  reset(): Promise<void>
  stats(): Promise<Record<string, number>>
}

export async function startSimulator(_t: TestScope, _env: Record<string, string> = {}): Promise<TestSimulator> {
  throw new Error('not yet')
}
export async function startRuntime(_t: TestScope, _env: Record<string, string> = {}): Promise<TestService> {
  throw new Error('not yet')
}
export async function startApi(_t: TestScope, _env: Record<string, string> = {}): Promise<TestService> {
  throw new Error('not yet')
}
