import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { killWithParent } from './kill-with-parent.ts'
import { createLineSplitter, createTail } from './lines.ts'
import { processStart } from './process-identity.ts'
import { type Readiness, untilReady } from './readiness.ts'

export interface ProcessOptions {
  /** As in processes.json and in messages. */
  name: string
  command: string
  args?: readonly string[]
  /** The whole environment of the process. Default: that of this process. */
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** The user to run as; needs root. */
  user?: { uid: number; gid: number } | undefined
  /** Written to its standard input, which is then closed. */
  input?: string
  ready: Readiness
  /** In milliseconds. Default 30000. */
  readyTimeoutMs?: number
  /** Asks it to end. Default SIGTERM. */
  stopSignal?: NodeJS.Signals
  /** Until SIGKILL, in milliseconds. Default 10000. */
  stopTimeoutMs?: number
  /** Called as soon as it exists, long before it is ready. */
  spawned?: ((pid: number, start: string) => void) | undefined
  /** Each line that it writes. */
  log?: ((line: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** How a process ended: one of the two is set. */
export interface ProcessExit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface RunningProcess {
  name: string
  pid: number
  /** Identity of the process beside its pid, see processStart. */
  start: string
  /** What it wrote last, at most 2000 lines. */
  lines: readonly string[]
  /** Settles once, when it is gone. Never rejects. */
  exited: Promise<ProcessExit>
  /** Set as soon as it is gone. */
  readonly exit: ProcessExit | undefined
  kill(signal: NodeJS.Signals): void
  /** Ends it: the stop signal, and SIGKILL for it and its children when the time is up. Resolves when it is gone. */
  stop(): Promise<ProcessExit>
}

/** A process that did not come up; the message holds the last lines that it wrote. */
export class ProcessStartError extends Error {
  readonly processName: string
  /** The message without the lines. */
  readonly summary: string
  readonly lines: readonly string[]

  constructor(name: string, reason: string, lines: readonly string[]) {
    const summary = `${name} did not start: ${reason}`
    super([summary, ...lines.slice(-20).map((line) => `  ${line}`)].join('\n'))
    this.name = 'ProcessStartError'
    this.processName = name
    this.summary = summary
    this.lines = lines
  }
}

/**
 * Starts a process in a process group of its own, so that Ctrl-C in the terminal reaches only the caller, which then
 * stops everything in its order. Resolves when it is ready; throws ProcessStartError when it ends or stays silent
 * before that, in which case nothing of it is left.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { name, ready, readyTimeoutMs = 30_000, signal } = options
  signal?.throwIfAborted()
  const tail = createTail(2000)
  const lineSeen = Promise.withResolvers<void>()
  const child = spawn(options.command, options.args ?? [], {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...options.user,
    env: options.env ?? process.env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe']
  })
  const exited = watchExit(child)
  await spawned(child, name)
  child.stdin.on('error', () => {})
  child.stdin.end(options.input)
  for (const stream of [child.stdout, child.stderr]) {
    const splitter = createLineSplitter((line) => {
      tail.push(line)
      options.log?.(line)
      if ('line' in ready && ready.line.test(line)) lineSeen.resolve()
    })
    stream.on('data', splitter.write).on('end', splitter.end)
  }
  const running = handle(options, child, exited, tail.lines)
  options.spawned?.(running.pid, running.start)
  const gaveUp = new AbortController()
  try {
    signal?.throwIfAborted()
    await Promise.race([
      untilReady(ready, lineSeen.promise, readyTimeoutMs, gaveUp.signal),
      exited.then((exit) => Promise.reject(new Error(describeExit(exit)))),
      ...(signal ? [once(signal, 'abort', { signal: gaveUp.signal }).then(() => Promise.reject(signal.reason))] : [])
    ])
  } catch (error) {
    await running.stop()
    signal?.throwIfAborted()
    throw new ProcessStartError(name, explain(error), tail.lines)
  } finally {
    gaveUp.abort()
  }
  return running
}

/** "ended with exit code 1", "was killed by SIGKILL". */
export function describeExit(exit: ProcessExit): string {
  return exit.signal ? `was killed by ${exit.signal}` : `ended with exit code ${exit.code}`
}

function handle(
  options: ProcessOptions,
  child: ChildProcess,
  exited: Promise<ProcessExit>,
  lines: readonly string[]
): RunningProcess {
  const pid = child.pid as number
  const forget = killWithParent(pid)
  let exit: ProcessExit | undefined
  exited.then(
    (value) => {
      exit = value
      forget()
    },
    () => {}
  )
  return {
    name: options.name,
    pid,
    start: processStart(pid),
    lines,
    exited,
    get exit() {
      return exit
    },
    kill: (signal) => void child.kill(signal),
    stop: async () => {
      if (!exit) child.kill(options.stopSignal ?? 'SIGTERM')
      // A process that was paused by SIGSTOP would never see it.
      if (!exit) child.kill('SIGCONT')
      const timer = setTimeout(() => killGroup(pid), options.stopTimeoutMs ?? 10_000)
      try {
        return await exited
      } finally {
        clearTimeout(timer)
      }
    }
  }
}

function watchExit(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve) => {
    // 'close' and not 'exit': the last lines have been read then. A grandchild may hold the pipes open for ever, though.
    child.once('exit', (code, signal) => {
      const timer = setTimeout(() => resolve({ code, signal }), 500)
      child.once('close', () => {
        clearTimeout(timer)
        resolve({ code, signal })
      })
    })
  })
}

async function spawned(child: ChildProcess, name: string): Promise<void> {
  try {
    await once(child, 'spawn')
  } catch (error) {
    throw new ProcessStartError(name, explain(error), [])
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
