import { dirname } from 'node:path'
import type { ProcessEntry } from '@semibot/stack'
import type { Terminal } from '../cli.ts'
import { readDevEnv } from '../database-url.ts'
import { CliError } from '../failure.ts'
import { stackTools } from '../stack-tools.ts'

/** What `npm start` has brought up, as its state folder tells. */
export interface RunningStack {
  /** State folder. */
  home: string
  /** The first api, without a slash at the end. */
  apiUrl: string
  adminToken: string
  /** Key of the organisation that is admitted to the runtime. */
  apiKey: string
  /** The answers come from the simulator. */
  hasSimulator: boolean
  /** The runtimes that run at this moment. */
  runtimes(): ProcessEntry[]
}

/** Throws CliError where nothing runs, or no runtime. */
export async function findRunningStack(terminal: Pick<Terminal, 'environment' | 'directory'>): Promise<RunningStack> {
  const { readProcesses, isSameProcess } = await stackTools()
  const { path, values } = readDevEnv(terminal)
  const home = dirname(path)
  const running = (kind: string): ProcessEntry[] =>
    readProcesses(home).filter(({ name, pid, start }) => isKind(name, kind) && isSameProcess(pid, start))

  const { BASE_URL: apiUrl = '', ADMIN_TOKEN: adminToken = '', API_KEY: apiKey = '' } = values
  if (running('api').length === 0 || apiUrl === '') {
    throw new CliError(`nothing of npm start runs on ${home}: run npm start in another terminal, then this again`)
  }
  if (running('runtime').length === 0) {
    throw new CliError(`no runtime runs on ${home}: npm start starts it again by itself, try again in a few seconds`)
  }
  const hasSimulator = running('simulator').length > 0
  return { home, apiUrl, adminToken, apiKey, hasSimulator, runtimes: () => running('runtime') }
}

function isKind(name: string, kind: string): boolean {
  return name === kind || name.startsWith(`${kind}-`)
}
