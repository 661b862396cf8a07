import { createRollingWindow, noCounts } from '../rolling-window.ts'
import type { Message } from '../state/exchange.ts'
import type { Command } from '../state/reducer.ts'

/** Evidence or an order, with a number: however often it is sent, it is counted or obeyed once. */
export type Part = Pick<Message, 'part' | 'counts' | 'succeeded' | 'failed' | 'command' | 'isRepeated'>

interface InDoubt extends Part {
  since: number
}

export interface OutboxOptions {
  windowSeconds: number
  maxSamples: number
  now: () => number
}

/**
 * What is on its way to Redis. One part is under way at a time; while nobody knows whether it arrived, it is
 * sent again under its number and everything newer waits, no longer than the window remembers anyway.
 */
export interface Outbox {
  add(counts: Message['counts']): void
  addTrial(succeeded: boolean): void
  /** The next part is this order; evidence from before it is dropped, since it belongs to the state that ends. */
  order(command: Command): void
  /** The part to send now: the one in doubt, else what has gathered since. */
  next(): Part
  /** The part from `next` has arrived. */
  delivered(): void
  /** The evidence belongs to a state that is over; an order does not. */
  clear(): void
}

/** An empty outbox. */
export function createOutbox({ windowSeconds, maxSamples, now }: OutboxOptions): Outbox {
  const unsent = createRollingWindow({ windowSeconds, maxSamples, now })
  let trials = { succeeded: 0, failed: 0 }
  let inDoubt: InDoubt | null = null
  let lastPart = 0

  function put(part: Omit<Part, 'part' | 'isRepeated'>): InDoubt {
    inDoubt = { ...part, part: ++lastPart, isRepeated: false, since: now() }
    return inDoubt
  }

  function gather(): InDoubt {
    const part = put({ counts: unsent.totals(), ...trials, command: null })
    unsent.clear()
    trials = { succeeded: 0, failed: 0 }
    return part
  }

  function clear(): void {
    unsent.clear()
    trials = { succeeded: 0, failed: 0 }
    if (inDoubt?.command === null) inDoubt = null
  }

  return {
    add: (counts) => unsent.add(counts),
    addTrial(succeeded) {
      if (succeeded) trials.succeeded++
      else trials.failed++
    },
    order(command) {
      clear()
      put({ counts: noCounts(), succeeded: 0, failed: 0, command })
    },
    next() {
      if (inDoubt !== null && now() - inDoubt.since > windowSeconds * 1000) inDoubt = null
      const { since, ...part } = inDoubt ?? gather()
      inDoubt = { ...part, since, isRepeated: true }
      return { ...part, command: shorten(part.command, now() - since) }
    },
    delivered() {
      inDoubt = null
    },
    clear
  }
}

/** A force ends when it was meant to, however late it arrives. */
function shorten(command: Command | null, ageMs: number): Command | null {
  if (command === null || !('expiresInMs' in command)) return command
  const expiresInMs = Math.round(command.expiresInMs - ageMs)
  return expiresInMs > 0 ? { ...command, expiresInMs } : null
}
