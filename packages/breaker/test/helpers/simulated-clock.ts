import type { Clock } from '../../src/clock.ts'

/** Time that stands still until it is moved. */
export interface SimulatedClock extends Clock {
  /** Moves time on, runs every timer on its way in order, and lets promises settle after each. */
  advance(ms: number): Promise<void>
  readonly timers: number
}

const WALL_START = 1_750_000_000_000

export function createSimulatedClock(start = 1_000_000): SimulatedClock {
  let now = start
  let lastId = 0
  const timers = new Map<number, { at: number; callback: () => void }>()

  function nextBefore(end: number): [number, { at: number; callback: () => void }] | undefined {
    let next: [number, { at: number; callback: () => void }] | undefined
    for (const entry of timers) {
      if (entry[1].at <= end && (next === undefined || entry[1].at < next[1].at)) next = entry
    }
    return next
  }

  return {
    now: () => now,
    wallNow: () => WALL_START + now - start,
    setTimeout(callback, delayMs) {
      timers.set(++lastId, { at: now + Math.max(0, delayMs), callback })
      return lastId
    },
    clearTimeout(timer) {
      timers.delete(timer as number)
    },
    get timers() {
      return timers.size
    },
    async advance(ms) {
      const end = now + ms
      await settle()
      for (let next = nextBefore(end); next !== undefined; next = nextBefore(end)) {
        const [id, { at, callback }] = next
        timers.delete(id)
        now = Math.max(now, at)
        callback()
        await settle()
      }
      now = end
      await settle()
    }
  }
}

/** Lets everything run that waits for promises only. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
