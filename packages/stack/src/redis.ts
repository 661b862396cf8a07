import { freePort, isListening } from './claim.ts'
import { type FindProgramOptions, findProgram } from './find-program.ts'
import { type ProcessExit, type ProcessOptions, type RunningProcess, startProcess } from './process.ts'

export interface RedisOptions extends FindProgramOptions {
  /** Path of the redis-server. Default: what findProgram finds. */
  program?: string
  /** On 127.0.0.1. Default: a free one. */
  port?: number
  /** Letters and digits. Default: none. */
  password?: string
  log?: (line: string) => void
  /** See ProcessOptions. */
  spawned?: ProcessOptions['spawned']
  signal?: AbortSignal | undefined
}

export interface RunningRedis {
  url: string
  port: number
  pid: number
  process: RunningProcess
  stop(): Promise<ProcessExit>
}

/**
 * Starts a redis-server that keeps everything in memory. Resolves with undefined when there is no such program: on
 * PATH, or unpacked when `debianPackage` is given. Throws ProcessStartError when it does not come up.
 */
export async function startRedis(options: RedisOptions = {}): Promise<RunningRedis | undefined> {
  const program = options.program ?? (await findProgram('redis-server', options))
  if (!program) return undefined
  const { password, log, signal } = options
  const port = options.port ?? (await freePort())
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    'save ""',
    'appendonly no',
    'daemonize no',
    ...(password ? [`requirepass ${password}`] : [])
  ]
  const process = await startProcess({
    name: 'redis',
    command: program,
    // The settings come by standard input, so that the password is in no list of processes.
    args: ['-'],
    input: `${settings.join('\n')}\n`,
    cwd: '/',
    ready: { check: () => isListening(port) },
    log,
    spawned: options.spawned,
    signal
  })
  const credentials = password ? `:${encodeURIComponent(password)}@` : ''
  return {
    url: `redis://${credentials}127.0.0.1:${port}`,
    port,
    pid: process.pid,
    process,
    stop: () => process.stop()
  }
}
