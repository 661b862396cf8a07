import type { StackPlan } from './plan-stack.ts'
import type { ProcessEntry } from './processes-file.ts'

export interface StackOptions {
  /** State folder: data, secrets, processes.json. Made when missing. */
  home: string
  /** Environment of the services, which also says what to start: API_INSTANCES, API_PORT, DATABASE_URL, LLM_BASE_URL
   * and so on, see packages/config. Default: that of this process. */
  env?: NodeJS.ProcessEnv
  /** Ports that the environment does not set are free ones instead of the defaults. Default false. */
  freePorts?: boolean
  /** PostgreSQL forces nothing to disk: for tests. Default false. */
  fast?: boolean
  /** Where a redis-server may come from when REDIS_URL is not set. Default `path`. */
  redis?: 'path' | 'unpacked' | 'none'
  /** A process that dies by itself is started again. Default false. */
  restart?: boolean
  /** Where apis and runtimes keep their logs, as `<name>.log`; that of the run before becomes `<name>.log.1`. Made when
   * missing; LOG_FILE, when set, wins. Default: only standard output. */
  logFolder?: string
  /** Each line that a process writes. */
  log?: (name: string, line: string) => void
  /** What is done and what happens to the processes, in words. */
  report?: (text: string) => void
  /** See openStateFolder. */
  launcherPid?: number
  /** Ends a start that is under way. */
  signal?: AbortSignal
}

/** An organisation made for development, with a key that works. */
export interface DevOrganization {
  id: string
  slug: string
  apiKey: string
}

export interface Stack {
  /** Absolute path of the state folder. */
  home: string
  urls: { api: string[]; runtime: string[]; simulator?: string; database: string; redis?: string }
  /** Environment of the services. */
  env: NodeJS.ProcessEnv
  plan: StackPlan
  /** Admitted to the runtime, unless CHAT_RUNTIME_ENABLED_ORGS says otherwise. */
  runtimeOrg: DevOrganization
  directOrg: DevOrganization
  /** Bearer token of the operator. */
  adminToken: string
  /** What runs now, as in processes.json. */
  readonly processes: readonly ProcessEntry[]
  /** Sends a signal to a process by its name; one that ends by it stays down until `restart`. */
  kill(name: string, signal: NodeJS.Signals): void
  restart(name: string): Promise<void>
  /** Stops all in order, after running streams have had SHUTDOWN_GRACE_MS, and gives the state folder free. */
  stop(): Promise<void>
  /** While it stops: ends the services at once, open streams and all. */
  hurry(): void
}
