import { setTimeout as delay } from 'node:timers/promises'
import { type ProcessExit, type ProcessOptions, type RunningProcess, startProcess } from '@semibot/stack'

/** A process that may be ended, paused and started again, and whose end by itself is noticed. */
export interface Service {
  readonly name: string
  readonly url: string
  readonly pid: number
  /** Ends it, and waits until it is gone; a signal that asks is answered with exit code 0 or is a violation. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** On the same port. As a process manager does, it tries again where it cannot start now. */
  start(): Promise<void>
  /** Its workers that take calls, where it has any. */
  readonly workers: readonly number[]
  /** Ends or pauses one of its workers. */
  signalWorker(pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  stop(): Promise<void>
}

export interface ServiceOptions extends Omit<ProcessOptions, 'ready' | 'log'> {
  url: string
  log: (line: string) => void
  /** A process or worker has died without being told to, or has not ended as it should. */
  onDeath: (what: string) => void
  /** What happens, for the log of the round. */
  note: (text: string) => void
}

/** It may be asked for as long as this: grace, flush and what is left. */
const STOP_MS = 15_000
const START_TRIES = 15

/** Resolves when the process answers. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, url, log, onDeath, note } = options
  const workers = new Set<number>()
  const struck = new Set<number>()
  let running: RunningProcess
  let told: NodeJS.Signals | undefined

  function readLine(line: string): void {
    log(line)
    const { msg, workerPid, how } = line.includes('workerPid') ? parse(line) : {}
    if (workerPid === undefined) return
    if (msg?.endsWith('worker takes calls')) workers.add(workerPid)
    else if (workers.delete(workerPid) && !struck.delete(workerPid)) onDeath(`worker ${workerPid} of ${name}: ${how}`)
  }

  async function start(): Promise<void> {
    workers.clear()
    for (let tries = 1; ; tries++) {
      try {
        running = await startProcess({ ...options, ready: { url: `${url}/health` }, log: readLine })
        break
      } catch (error) {
        note(`${name} could not start: ${(error as Error).message.split('\n').slice(0, 3).join(' | ')}`)
        if (tries === START_TRIES) throw error
        await delay(1000)
      }
    }
    told = undefined
    const mine = running
    void mine.exited.then((exit) => {
      if (mine === running && told === undefined) onDeath(`${name} ${describeExit(exit)}`)
    })
  }

  function judge(exit: ProcessExit): void {
    if (exit.code !== 0) onDeath(`${name}, told to end by SIGTERM, ${describeExit(exit)}`)
  }

  await start()
  return {
    name,
    url,
    get pid() {
      return running.pid
    },
    get workers() {
      return [...workers]
    },
    start,
    signal: (signal) => running.kill(signal),
    signalWorker(pid, signal) {
      if (signal === 'SIGKILL') struck.add(pid)
      try {
        process.kill(pid, signal)
      } catch {
        note(`worker ${pid} of ${name} is gone already`)
      }
    },
    async end(signal) {
      told = signal
      running.kill(signal)
      if (signal === 'SIGKILL') return void (await running.exited)
      const late = delay(STOP_MS, 'late' as const, { ref: false })
      if ((await Promise.race([running.exited, late])) === 'late') onDeath(`${name} does not end within ${STOP_MS} ms`)
      else judge(await running.exited)
      await running.stop()
    },
    async stop() {
      if (running.exit !== undefined) return
      told = 'SIGTERM'
      judge(await running.stop())
    }
  }
}

function describeExit({ code, signal }: ProcessExit): string {
  return signal ? `was killed by ${signal}` : `ended with exit code ${code}`
}

function parse(line: string): { msg?: string; workerPid?: number; how?: string } {
  try {
    return JSON.parse(line) as { msg?: string; workerPid?: number; how?: string }
  } catch {
    return {}
  }
}
