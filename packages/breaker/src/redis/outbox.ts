import { createRollingWindow } from '../rolling-window.ts'
import type { WindowCounts } from '../types.ts'

/** Evidence with a number: however often it is sent, it is counted once. */
export interface Part {
  part: number
  counts: WindowCounts
  succeeded: number
  failed: number
}

export interface OutboxOptions {
  windowSeconds: number
  maxSamples: number
  now: () => number
}

/**
 * Evidence on its way to Redis. One part is under way at a time; while nobody knows whether it arrived, it is
 * sent again under its number and everything newer waits, no longer than the window remembers anyway.
 */
export interface Outbox {
  add(counts: WindowCounts): void
  addTrial(succeeded: boolean): void
  /** The part to send now: the one in doubt, else what has gathered since. */
  next(): Part
  /** The part from `next` has been counted. */
  delivered(): void
  /** Whether something waits behind the part in doubt. */
  readonly waiting: boolean
  /** The evidence belongs to an epoch that is over. */
  clear(): void
}

/** An empty outbox. */
export function createOutbox({ windowSeconds, maxSamples, now }: OutboxOptions): Outbox {
  const unsent = createRollingWindow({ windowSeconds, maxSamples, now })
  let trials = { succeeded: 0, failed: 0 }
  let inDoubt: (Part & { since: number }) | null = null
  let lastPart = 0

  return {
    add: (counts) => unsent.add(counts),
    addTrial(succeeded) {
      if (succeeded) trials.succeeded++
      else trials.failed++
    },
    next() {
      if (inDoubt !== null && now() - inDoubt.since > windowSeconds * 1000) inDoubt = null
      if (inDoubt === null) {
        inDoubt = { part: ++lastPart, counts: unsent.totals(), ...trials, since: now() }
        unsent.clear()
        trials = { succeeded: 0, failed: 0 }
      }
      const { since: _, ...part } = inDoubt
      return part
    },
    delivered() {
      inDoubt = null
    },
    get waiting() {
      return inDoubt !== null && (unsent.totals().samples > 0 || trials.succeeded + trials.failed > 0)
    },
    clear() {
      unsent.clear()
      trials = { succeeded: 0, failed: 0 }
      inDoubt = null
    }
  }
}
