import type { FromLauncher, FromWorker } from './messages.ts'
import { restartPauseMs } from './restart-pause.ts'

/** One worker process, as the launcher sees it. */
export interface WorkerProcess {
  readonly pid: number
  send(message: FromLauncher): void
  kill(signal: NodeJS.Signals): void
  onMessage(listener: (message: FromWorker) => void): void
  /** Called once. */
  onExit(listener: (code: number | null, signal: string | null) => void): void
}

export interface FleetOptions {
  size: number
  /** Starts worker `number`, from 1 on. */
  fork: (number: number) => WorkerProcess
  /** What a worker says, but for `ready` and `alive`. */
  onMessage: (number: number, message: Exclude<FromWorker, { kind: 'ready' } | { kind: 'alive' }>) => void
  onGone: (number: number) => void
  report: FleetReport
  /** A worker that was not heard for so long is ended, milliseconds. */
  silenceMs: number
}

/** What happens to the workers. */
export interface FleetReport {
  ready(number: number, pid: number): void
  ended(number: number, pid: number, how: string, pauseMs: number): void
  silent(number: number, pid: number): void
}

export interface Fleet {
  /** Workers that take calls. */
  readonly ready: readonly number[]
  /** Resolves when the first worker takes calls; with its exit code when it could not even start. */
  start(): Promise<{ failed: number } | undefined>
  portOf(number: number): number | undefined
  send(number: number, message: FromLauncher): void
  /** To all workers that take calls. */
  signal(signal: NodeJS.Signals): void
  /** Asks all to end; resolves when the last is gone: whether all ended as they should. */
  stop(): Promise<boolean>
  /** Ends all at once. */
  kill(): void
}

interface Slot {
  readonly number: number
  process: WorkerProcess | undefined
  port: number | undefined
  startedAt: number
  heardAt: number
  pauseMs: number | undefined
  timer: NodeJS.Timeout | undefined
}

/** Keeps as many workers running as there should be. The first starts alone: what is wrong with all is said once. */
export function createFleet(options: FleetOptions): Fleet {
  const { size, fork, onMessage, onGone, report, silenceMs } = options
  const slots: Slot[] = Array.from({ length: size }, (_, index) => ({
    number: index + 1,
    process: undefined,
    port: undefined,
    startedAt: 0,
    heardAt: 0,
    pauseMs: undefined,
    timer: undefined
  }))
  const first = Promise.withResolvers<{ failed: number } | undefined>()
  const gone = Promise.withResolvers<void>()
  let started = false
  let stopping = false
  let clean = true
  const lookMs = silenceMs / 4
  let lookedAt = performance.now()
  const watchdog = setInterval(endSilent, lookMs).unref()

  return {
    get ready() {
      return slots.filter(({ port }) => port !== undefined).map(({ number }) => number)
    },
    async start() {
      launch(slots[0]!)
      return await first.promise
    },
    portOf: (number) => slots[number - 1]?.port,
    send: (number, message) => slots[number - 1]?.process?.send(message),
    signal(signal) {
      for (const { process, port } of slots) if (port !== undefined) process?.kill(signal)
    },
    async stop() {
      stopping = true
      clearInterval(watchdog)
      for (const slot of slots) {
        clearTimeout(slot.timer)
        slot.process?.send({ kind: 'stop' })
      }
      settleStop()
      await gone.promise
      return clean
    },
    kill() {
      for (const { process } of slots) process?.kill('SIGKILL')
    }
  }

  function launch(slot: Slot): void {
    const process = fork(slot.number)
    slot.process = process
    slot.startedAt = slot.heardAt = performance.now()
    process.onMessage((message) => heard(slot, process, message))
    process.onExit((code, signal) => ended(slot, process, code, signal))
  }

  function heard(slot: Slot, process: WorkerProcess, message: FromWorker): void {
    // Its last words may come after its end: nobody would give back what it asks for.
    if (slot.process !== process) return
    slot.heardAt = performance.now()
    if (message.kind === 'alive') return
    if (message.kind !== 'ready') {
      onMessage(slot.number, message)
      return
    }
    slot.port = message.port
    report.ready(slot.number, process.pid)
    if (started) return
    started = true
    first.resolve(undefined)
    if (!stopping) for (const other of slots.slice(1)) launch(other)
  }

  function ended(slot: Slot, process: WorkerProcess, code: number | null, signal: string | null): void {
    slot.process = undefined
    slot.port = undefined
    onGone(slot.number)
    if (stopping) {
      if (code !== 0) clean = false
      settleStop()
      return
    }
    if (!started) {
      first.resolve({ failed: code ?? 1 })
      return
    }
    slot.pauseMs = restartPauseMs(slot.pauseMs, performance.now() - slot.startedAt)
    const how = signal === null ? `exit code ${code}` : signal
    report.ended(slot.number, process.pid, how, slot.pauseMs)
    slot.timer = setTimeout(() => launch(slot), slot.pauseMs)
  }

  function settleStop(): void {
    if (slots.every(({ process }) => process === undefined)) gone.resolve()
  }

  /** One that hangs in its start is ended as well. */
  function endSilent(): void {
    const lateMs = performance.now() - lookedAt - lookMs
    lookedAt += lateMs + lookMs
    if (lateMs > lookMs) {
      // This process was paused itself, and what the workers have said meanwhile is still to be read.
      for (const slot of slots) slot.heardAt = lookedAt
      return
    }
    for (const { number, process, heardAt } of slots) {
      if (process === undefined || performance.now() - heardAt < silenceMs) continue
      report.silent(number, process.pid)
      process.kill('SIGKILL')
    }
  }
}
