import type { WindowCounts } from '../types.ts'

/** Hard errors of single instances whose meaning is not known yet. */
export interface HeldBack {
  add(instance: string, counts: WindowCounts): void
  /** The instance answers again: its errors were those of the runtime, and count. */
  release(instance: string): void
  /** The instance is out: its errors were its own. */
  drop(instance: string): void
  /** What is held back belongs to an epoch that is over. */
  clear(): void
}

/** More than these in a row eject an instance anyway. */
const MAX_PER_INSTANCE = 100

/**
 * While several instances are in service, a hard error may mean that one of them has died, which is no reason to
 * leave the runtime: that instance is ejected, and its calls go to the others. So the hard errors of an instance
 * are held back until it answers again (then they count) or is out (then they do not). Otherwise one dead
 * instance of many could trip the shared window in the moment before it is ejected.
 */
export function createHeldBack(count: (counts: WindowCounts) => void): HeldBack {
  const held = new Map<string, WindowCounts[]>()
  return {
    add(instance, counts) {
      const list = held.get(instance) ?? []
      if (list.length < MAX_PER_INSTANCE) list.push(counts)
      held.set(instance, list)
    },
    release(instance) {
      const list = held.get(instance)
      if (list === undefined) return
      held.delete(instance)
      for (const counts of list) count(counts)
    },
    drop(instance) {
      held.delete(instance)
    },
    clear: () => held.clear()
  }
}
