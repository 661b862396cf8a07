import { addCounts, noCounts } from '../rolling-window.ts'
import { createKeeper, exchange, type Keeper, type Message } from '../state/exchange.ts'
import { type FallbackRecord, initialRecord } from '../state/record.ts'
import type { Command } from '../state/reducer.ts'
import type { WindowCounts } from '../types.ts'
import { type FallbackStore, type News, type StoreContext, TICK_MS } from './store.ts'

/** Keeps the product state in this process: for one replica, or where there is no Redis. A restart forgets it. */
export function createMemoryStore(): FallbackStore {
  return new MemoryStore()
}

/** Name of the only replica. */
const SELF = 'self'

/** Longest chain of looks that follow from one another at the same moment. */
const MAX_ROUNDS = 8

class MemoryStore implements FallbackStore {
  readonly kind = 'memory'
  readonly degraded = false
  readonly problem = ''
  readonly decidesAlone = true
  readonly live = 1
  #context: StoreContext | undefined
  #keeper: Keeper | undefined
  #timer: unknown
  #messages = 0
  #counts = noCounts()
  #succeeded = 0
  #failed = 0
  #orders: Command[] = []
  #looking = false
  #again = false

  start(context: StoreContext): void {
    this.#context = context
    this.#keeper = createKeeper(context.clock.now(), this.#rules())
    this.#schedule()
  }

  get record(): FallbackRecord {
    return this.#keeper?.record ?? initialRecord(0)
  }

  get revision(): number {
    return this.record.epoch
  }

  counts(): WindowCounts {
    const counts = this.#keeper?.window.totals() ?? noCounts()
    addCounts(counts, this.#counts)
    return counts
  }

  report(news: News): void {
    if (news.counts !== undefined) addCounts(this.#counts, news.counts)
    if (news.trialSucceeded === true) this.#succeeded++
    if (news.trialSucceeded === false) this.#failed++
    if (news.urgent) this.#look()
  }

  async order(command: Command): Promise<void> {
    this.#orders.push(command)
    this.#look()
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {
    this.#context?.clock.clearTimeout(this.#timer)
    this.#context = undefined
  }

  /** One replica is a cluster of its own: its vote is the majority at once. */
  #rules() {
    return { ...this.#context!.rules(), settleMs: 0 }
  }

  #schedule(): void {
    this.#timer = this.#context?.clock.setTimeout(() => {
      this.#look()
      this.#schedule()
    }, TICK_MS)
  }

  /** Decides upon everything that is new, and upon what follows from the decision. */
  #look(): void {
    this.#again = true
    if (this.#looking) return
    this.#looking = true
    try {
      for (let round = 0; this.#again && round < MAX_ROUNDS; round++) {
        this.#again = this.#orders.length > 1
        if (this.#exchange(this.#orders.shift() ?? null)) this.#again = true
      }
    } finally {
      this.#looking = false
    }
  }

  #exchange(command: Command | null): boolean {
    const context = this.#context
    const keeper = this.#keeper
    if (context === undefined || keeper === undefined) return false
    const now = context.clock.now()
    const number = ++this.#messages
    const message: Message = {
      ...context.self(),
      replica: SELF,
      attempt: number,
      part: number,
      counts: this.#counts,
      succeeded: this.#succeeded,
      failed: this.#failed,
      command,
      isRepeated: false,
      jitter: context.random() * 2 - 1,
      known: keeper.record,
      leaving: false
    }
    this.#counts = noCounts()
    this.#succeeded = 0
    this.#failed = 0
    const { changes, granted } = exchange(keeper, message, now, this.#rules())
    context.onUpdate({ changes, decidedHere: true, rejoined: false, granted, askedAt: now })
    return changes.length > 0
  }
}
