import { DatabaseTimeoutError, DatabaseUnavailableError, TurnQueueFullError } from '../errors.ts'
import { StartPace } from './start-pace.ts'

/** One call that waits for its part of a batch's result. */
export interface WaitingCall<Item, Result> {
  readonly item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

export interface BatchLanesOptions<Item, Result> {
  /** Names the calls in errors. */
  what: string
  /** Batches under way at the same time. */
  lanes: number
  maxBatch: number
  maxQueue: number
  maxWaitMs: number
  /** Once this many batches a second have started, the next ones wait for each other's company. */
  startsPerSecond: number
  /** Rough size of an item in characters; a batch is closed when it has grown large. */
  sizeOf(item: Item): number
  /** Runs a batch and settles each of its calls; never rejects. */
  run(calls: WaitingCall<Item, Result>[]): Promise<void>
}

interface QueuedCall<Item, Result> extends WaitingCall<Item, Result> {
  since: number
  size: number
}

const MAX_BATCH_SIZE = 2_000_000
/** Batches that may start at once after a quiet time. */
const BURST = 4

/**
 * Groups calls: those that arrive while the lanes are busy go out together in the next batch. An idle lane
 * starts after the current turn of the event loop, so that requests read in one turn share a batch too. Under load,
 * batches start at a bounded rate and so become larger: a statement costs far more than a row in it.
 */
export class BatchLanes<Item, Result> {
  readonly #options: BatchLanesOptions<Item, Result>
  readonly #pace: StartPace
  #queue: QueuedCall<Item, Result>[] = []
  #busyLanes = 0
  #startScheduled = false
  #closed = false
  #onIdle: (() => void)[] = []

  constructor(options: BatchLanesOptions<Item, Result>) {
    this.#options = options
    this.#pace = new StartPace(options.startsPerSecond, BURST)
  }

  /** Calls that wait for a lane. */
  get queueLength(): number {
    return this.#queue.length
  }

  /** Adds an item to the next batch. @throws TurnQueueFullError, and whatever its batch fails with. */
  push(item: Item): Promise<Result> {
    const { what, maxQueue, sizeOf } = this.#options
    if (this.#closed) return Promise.reject(new DatabaseUnavailableError(`${what}: the turn writer is closed`))
    if (this.#queue.length >= maxQueue) {
      return Promise.reject(new TurnQueueFullError(`${what}: ${maxQueue} calls are waiting already`))
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject, since: performance.now(), size: sizeOf(item) })
      this.#scheduleStart()
    })
  }

  /** Refuses further calls and waits for those that are here. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#queue.length === 0 && this.#busyLanes === 0) return
    await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  #scheduleStart(): void {
    if (this.#startScheduled || this.#busyLanes >= this.#options.lanes) return
    this.#startScheduled = true
    const start = () => {
      this.#startScheduled = false
      this.#start()
    }
    const waitMs = this.#pace.startsIn(performance.now())
    if (waitMs === 0) setImmediate(start)
    else setTimeout(start, waitMs)
  }

  #start(): void {
    while (this.#busyLanes < this.#options.lanes) {
      const calls = this.#takeBatch()
      if (calls.length === 0) break
      this.#busyLanes++
      this.#pace.started()
      void this.#options.run(calls).finally(() => {
        this.#busyLanes--
        if (this.#queue.length > 0) this.#scheduleStart()
        else if (this.#busyLanes === 0) this.#becomeIdle()
      })
    }
    if (this.#queue.length === 0 && this.#busyLanes === 0) this.#becomeIdle()
  }

  #takeBatch(): QueuedCall<Item, Result>[] {
    const { maxBatch } = this.#options
    this.#rejectExpired()
    let count = 0
    let size = 0
    for (const call of this.#queue) {
      if (count === maxBatch || (count > 0 && size + call.size > MAX_BATCH_SIZE)) break
      count++
      size += call.size
    }
    return this.#queue.splice(0, count)
  }

  #rejectExpired(): void {
    const { what, maxWaitMs } = this.#options
    const oldest = performance.now() - maxWaitMs
    let expired = 0
    for (const call of this.#queue) {
      if (call.since >= oldest) break
      expired++
    }
    for (const call of this.#queue.splice(0, expired)) {
      call.reject(new DatabaseTimeoutError(`${what}: waited for more than ${maxWaitMs} ms`))
    }
  }

  #becomeIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
