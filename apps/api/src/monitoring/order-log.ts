import type { NewFallbackEvent } from '@semibot/db'

/** Keeps what operators order in the database, also when that is away at the moment. */
export interface OrderLog {
  /** Resolves to true when the order is stored, to false when it will be tried again. */
  write(order: NewFallbackEvent): Promise<boolean>
  /** Tries the waiting ones again, oldest first. Rejects while that does not work. */
  flush(): Promise<void>
  /** Resolves to what `find` found, unless an order was given meanwhile or waits: then the database is behind. */
  unlessBehind<T>(find: () => Promise<T>): Promise<T | undefined>
}

export interface OrderLogOptions {
  insert: (order: NewFallbackEvent) => Promise<unknown>
  /** Longest wait of an operator for the database. */
  waitMs: number
  /** An order could not be stored at once. */
  onLate: (order: NewFallbackEvent, error: unknown) => void
}

/** Orders that may wait; an operator gives a few in an hour. Beyond it the oldest is lost. */
const MAX_WAITING = 100

export function createOrderLog({ insert, waitMs, onLate }: OrderLogOptions): OrderLog {
  const waiting: NewFallbackEvent[] = []
  let draining: Promise<void> | undefined
  let given = 0

  async function drain(): Promise<void> {
    try {
      for (let order = waiting[0]; order !== undefined; order = waiting[0]) {
        await insert(order)
        // Not shift: meanwhile the oldest may have been dropped.
        if (waiting[0] === order) waiting.shift()
      }
    } finally {
      // Here, and not a tick later: an order that is given in between would never be tried.
      draining = undefined
    }
  }

  async function flush(): Promise<void> {
    if (waiting.length === 0) return
    draining ??= drain()
    await draining
  }

  return {
    flush,
    async write(order) {
      given++
      waiting.push(order)
      if (waiting.length > MAX_WAITING) waiting.shift()
      const late = Promise.withResolvers<never>()
      const timer = setTimeout(() => late.reject(new Error(`not stored within ${waitMs} ms`)), waitMs)
      try {
        // A drain under way takes this order as well.
        await Promise.race([flush(), late.promise])
        return true
      } catch (error) {
        onLate(order, error)
        return false
      } finally {
        clearTimeout(timer)
      }
    },
    async unlessBehind(find) {
      const before = given
      if (waiting.length > 0) return undefined
      const found = await find()
      return given === before && waiting.length === 0 ? found : undefined
    }
  }
}
