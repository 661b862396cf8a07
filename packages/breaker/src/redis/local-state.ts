import { noCounts } from '../rolling-window.ts'
import { type Change, createKeeper, exchange, type Keeper } from '../state/exchange.ts'
import type { FallbackRecord } from '../state/record.ts'
import type { Command } from '../state/reducer.ts'
import type { StoreContext } from '../store/store.ts'
import type { WindowCounts } from '../types.ts'

/** What this replica has made of what it learned. */
export interface Learned {
  changes: Change[]
  decidedHere: boolean
  /** The state is another one than before. */
  isNew: boolean
  /** Until now this replica had gone its own way. */
  rejoined: boolean
}

/**
 * The state as one replica holds it: a copy of the shared one, and, while that is out of reach, what the
 * replica decides alone. What it decides alone it does not bring to the others (a replica that is cut off
 * from everything must not open all of them): when they meet again the shared state holds, and what keeps
 * this replica from the runtime is one vote.
 */
export class LocalState {
  readonly #context: StoreContext
  readonly #replica: string
  readonly #keeper: Keeper
  #shared: FallbackRecord
  #revision = 0
  #isOwn = false
  #messages = 0

  constructor(replica: string, context: StoreContext) {
    this.#replica = replica
    this.#context = context
    this.#keeper = createKeeper(context.clock.now(), context.rules())
    this.#shared = this.#keeper.record
  }

  /** What holds here. Its epoch is always that of the shared state. */
  get record(): FallbackRecord {
    return this.#keeper.record
  }

  /** What was last known to hold for all. */
  get shared(): FallbackRecord {
    return this.#shared
  }

  get revision(): number {
    return this.#revision
  }

  count(counts: WindowCounts): void {
    this.#keeper.now = this.#context.clock.now()
    this.#keeper.window.add(counts)
  }

  counts(): WindowCounts {
    this.#keeper.now = this.#context.clock.now()
    return this.#keeper.window.totals()
  }

  /** Decides without the others, upon an order or the evidence of this replica. */
  decide(command: Command | null, trialSucceeded?: boolean): { changes: Change[]; granted: number } {
    const { clock, random, rules, self } = this.#context
    const number = ++this.#messages
    const reply = exchange(
      this.#keeper,
      {
        ...self(),
        replica: this.#replica,
        attempt: number,
        part: number,
        // The window of this replica holds them already.
        counts: noCounts(),
        succeeded: trialSucceeded === true ? 1 : 0,
        failed: trialSucceeded === false ? 1 : 0,
        command,
        isRepeated: false,
        jitter: random() * 2 - 1,
        known: this.#keeper.record,
        leaving: false
      },
      clock.now(),
      { ...rules(), settleMs: 0 }
    )
    if (reply.changes.length === 0) return reply
    this.#isOwn = true
    this.#revision++
    const renumber = (record: FallbackRecord) => ({ ...record, epoch: this.#shared.epoch })
    this.#keeper.record = renumber(reply.record)
    return { ...reply, changes: reply.changes.map((change) => ({ ...change, record: renumber(change.record) })) }
  }

  /** Takes the shared state over. `own`: the changes that this replica's message made. */
  learn(record: FallbackRecord, own: Change[]): Learned {
    const before = this.#keeper.record
    const last = this.#shared
    const rejoined = this.#isOwn
    const isNew = rejoined || record.epoch !== last.epoch || record.state !== last.state
    this.#shared = record
    this.#keeper.record = record
    this.#isOwn = false
    if (isNew) {
      this.#revision++
      this.#keeper.window.clear()
    }
    const decided = own.filter((change) => change.record.epoch > last.epoch)
    const changes = isNew && decided.length === 0 ? [learnedChange(before, record)] : decided
    return { changes, decidedHere: decided.length > 0, isNew, rejoined }
  }
}

/** A change that another replica has made; its evidence stayed there. */
function learnedChange(before: FallbackRecord, record: FallbackRecord): Change {
  return { from: before.state, record, actor: '', counts: noCounts(), votes: 0, live: 0, results: 0, failures: 0 }
}
