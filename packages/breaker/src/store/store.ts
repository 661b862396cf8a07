import type { Clock } from '../clock.ts'
import type { Change } from '../state/exchange.ts'
import type { FallbackRecord } from '../state/record.ts'
import type { Command, VoteReason } from '../state/reducer.ts'
import type { FallbackRules } from '../state/rules.ts'
import type { WindowCounts } from '../types.ts'

/** What the breaker of one process lends to its store. */
export interface StoreContext {
  clock: Clock
  /** 0..1 */
  random: () => number
  /** The rules at this moment; thresholds may change. */
  rules: () => FallbackRules
  /** What this replica says of itself at this moment. */
  self: () => SelfReport
  /** Called after every look at the state, changed or not. Must not throw. */
  onUpdate: (update: StoreUpdate) => void
}

/** What a replica says of itself with each message. */
export interface SelfReport {
  /** Why this replica does not use the runtime by itself; empty while it does. */
  vote: VoteReason | ''
  /** Permits for trials that it could use now. */
  wanted: number
  /** The runtime's health came back while the state is open. */
  healthRecovered: boolean
}

/** What one look at the state has brought. */
export interface StoreUpdate {
  /** What changed since the last update, oldest first. Times on the local clock. */
  changes: Change[]
  /** Whether this replica's message made the change; else it was learned of. */
  decidedHere: boolean
  /** This replica had decided alone and has now taken the shared state over. */
  rejoined: boolean
  /** New permits for trials, counted from `askedAt` on the local clock. */
  granted: number
  askedAt: number
}

/** Something that happened in this replica. */
export interface News {
  /** Finished calls of the current epoch. */
  counts?: WindowCounts
  /** A trial or a probe has ended. */
  trialSucceeded?: boolean
  /** Worth telling at once: a failure, the result of a trial, a change of the vote. */
  urgent: boolean
}

/**
 * Where the product state is kept. Nothing here waits on the path of a call: evidence is collected and told
 * a few times a second, and `record` is what is known at this moment.
 */
export interface FallbackStore {
  readonly kind: 'memory' | 'redis'
  /** Called once, by the breaker. */
  start(context: StoreContext): void
  /** The state as it is known here, times on the local clock. */
  readonly record: FallbackRecord
  /** Another one with each new state. */
  readonly revision: number
  /** Whether the shared state is out of reach, so that this replica decides alone. */
  readonly degraded: boolean
  /** Why the shared state could not be reached the last time; empty when it could. */
  readonly problem: string
  /** Whether this replica's vote is the whole verdict, and carried out at once. */
  readonly decidesAlone: boolean
  /** Replicas that were heard of lately, this one included. */
  readonly live: number
  /** The sums that decide. */
  counts(): WindowCounts
  /** Notes what happened; told with the next look, or at once when it is urgent. */
  report(news: News): void
  /** Carries an operator's order out; resolves when it holds here, whether or not others could be told. */
  order(command: Command): Promise<void>
  /** Resolves when the state of the others is known, or after 300 ms. */
  ready(): Promise<void>
  close(): Promise<void>
}

/** How often a replica looks at the state, milliseconds. */
export const TICK_MS = 250
