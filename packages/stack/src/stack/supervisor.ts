import { setTimeout as pause } from 'node:timers/promises'
import { describeExit, type ProcessExit, type RunningProcess } from '../process.ts'
import { type ProcessEntry, removeProcesses, writeProcesses } from './processes-file.ts'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/** A process that was up for this long starts again after the first pause. */
const STEADY_MS = 60_000

/** Signals that do not ask a process to end. */
const SURVIVED = new Set<NodeJS.Signals>(['SIGSTOP', 'SIGCONT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])

/** How to bring one process up, the first time and again. */
export interface Slot {
  /** As in processes.json. */
  name: string
  port: number
  /** Higher ranks are stopped first; those of one rank together. */
  rank: number
  launch(signal: AbortSignal, spawned: Spawned): Promise<RunningProcess>
}

/** Tells the supervisor of a process that is not ready yet: one that is left behind by then is found as well. */
export type Spawned = (pid: number, start: string) => void

export interface SupervisorOptions {
  /** State folder, for processes.json. */
  home: string
  /** Whether a process that dies by itself is started again, after 1, 2, 4, ... at most 30 seconds. */
  restart: boolean
  /** What happens to the processes, in words. */
  report: (text: string) => void
}

export interface Supervisor {
  /** The processes that run now. */
  readonly entries: readonly ProcessEntry[]
  /** Starts a process and watches over it. */
  start(slot: Slot): Promise<RunningProcess>
  /** Sends a signal; a process that ends by it stays down until `restart`. Resolves at once. Throws on a wrong name. */
  kill(name: string, signal: NodeJS.Signals): void
  /** Stops a process if it runs, and starts it again. */
  restart(name: string): Promise<RunningProcess>
  /** Stops all, the last rank first. */
  stop(): Promise<void>
  /** While it stops: ends what is not of rank 0 at once, open streams and all. */
  hurry(): void
}

interface Watched {
  slot: Slot
  running: RunningProcess | undefined
  /** The process that is being started. */
  spawned: { pid: number; start: string } | undefined
  /** Settles when the start under way is over; never rejects. */
  starting: Promise<unknown>
  /** It ends because somebody wants it to. */
  wanted: boolean
  pauseMs: number
}

/** Starts processes, starts them again when they die, and stops them in order. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const watched = new Map<string, Watched>()
  const stopping = new AbortController()
  let stopped: Promise<void> | undefined

  function list(): ProcessEntry[] {
    return [...watched.values()].flatMap(({ slot, running, spawned }) => {
      const known = running && !running.exit ? running : spawned
      return known ? [{ name: slot.name, pid: known.pid, port: slot.port, start: known.start }] : []
    })
  }

  async function launch(item: Watched): Promise<RunningProcess> {
    stopping.signal.throwIfAborted()
    const launched = item.slot.launch(stopping.signal, (pid, start) => {
      item.spawned = { pid, start }
      writeProcesses(options.home, list())
    })
    item.starting = launched.catch(() => {})
    const running = await launched.finally(() => {
      item.spawned = undefined
      writeProcesses(options.home, list())
    })
    const since = performance.now()
    item.running = running
    item.wanted = false
    writeProcesses(options.home, list())
    void running.exited.then((exit) => ended(item, running, exit, performance.now() - since))
    return running
  }

  function ended(item: Watched, running: RunningProcess, exit: ProcessExit, upMs: number): void {
    if (stopping.signal.aborted || item.running !== running) return
    item.running = undefined
    writeProcesses(options.home, list())
    if (item.wanted) return
    if (upMs >= STEADY_MS) item.pauseMs = FIRST_PAUSE_MS
    const what = `${item.slot.name} (pid ${running.pid}) ${describeExit(exit)}`
    if (options.restart) {
      options.report(`${what}; the others go on, and it starts again in ${item.pauseMs / 1000} s`)
      void startAgain(item)
    } else options.report(`${what}; the others go on`)
  }

  async function startAgain(item: Watched): Promise<void> {
    while (!stopping.signal.aborted && !item.running && !item.wanted) {
      try {
        await pause(item.pauseMs, undefined, { signal: stopping.signal })
        item.pauseMs = Math.min(item.pauseMs * 2, LONGEST_PAUSE_MS)
        const running = await launch(item)
        options.report(`${item.slot.name} runs again (pid ${running.pid})`)
        return
      } catch (error) {
        if (stopping.signal.aborted) return
        options.report(`${(error as Error).message}\n${item.slot.name}: next try in ${item.pauseMs / 1000} s`)
      }
    }
  }

  function find(name: string): Watched {
    const item = watched.get(name)
    if (item) return item
    throw new Error(`there is no process "${name}": there are ${[...watched.keys()].join(', ') || 'none'}`)
  }

  async function stopRanks(): Promise<void> {
    await Promise.all([...watched.values()].map((item) => item.starting))
    const items = [...watched.values()].filter((item) => item.running)
    for (const rank of [...new Set(items.map((item) => item.slot.rank))].sort((a, b) => b - a)) {
      await Promise.all(items.filter((item) => item.slot.rank === rank).map((item) => item.running?.stop()))
    }
    removeProcesses(options.home)
  }

  return {
    get entries() {
      return list()
    },
    start: async (slot) => {
      if (watched.has(slot.name)) throw new Error(`there is a process "${slot.name}" already`)
      const item: Watched = {
        slot,
        running: undefined,
        spawned: undefined,
        starting: Promise.resolve(),
        wanted: false,
        pauseMs: FIRST_PAUSE_MS
      }
      watched.set(slot.name, item)
      return await launch(item)
    },
    kill: (name, signal) => {
      const item = find(name)
      item.wanted ||= !SURVIVED.has(signal)
      item.running?.kill(signal)
    },
    restart: async (name) => {
      const item = find(name)
      item.wanted = true
      await item.starting
      await item.running?.stop()
      return await launch(item)
    },
    stop: async () => {
      stopping.abort(new Error('the stack is stopping'))
      stopped ??= stopRanks()
      await stopped
    },
    hurry: () => {
      for (const { slot, running } of watched.values()) if (slot.rank > 0) running?.kill('SIGKILL')
    }
  }
}
