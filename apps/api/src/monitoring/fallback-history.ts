import { DatabaseTimeoutError, DatabaseUnavailableError, type NewFallbackEvent } from '@semibot/db'
import { v7 as uuid } from 'uuid'

/** Keeps every change of the fallback in the database, also when that is away at the moment. */
export interface FallbackHistory {
  /** Resolves to true when the event is stored; to false when it is not, and is tried again while the database is away. */
  write(event: NewFallbackEvent): Promise<boolean>
  /** Tries the waiting ones again, oldest first. Rejects while that does not work. */
  flush(): Promise<void>
  /** Resolves to what `find` found, unless something happened meanwhile or waits: then the database is behind. */
  unlessBehind<T>(find: () => Promise<T>): Promise<T | undefined>
}

export interface FallbackHistoryOptions {
  insert: (event: NewFallbackEvent) => Promise<unknown>
  /** Longest wait of an operator for the database. */
  waitMs: number
  /** An event could not be stored at once. */
  onLate: (event: NewFallbackEvent, error: unknown) => void
}

/** Events that may wait: the state changes every few seconds at most. Beyond it the oldest is lost. */
const MAX_WAITING = 100

export function createFallbackHistory({ insert, waitMs, onLate }: FallbackHistoryOptions): FallbackHistory {
  const waiting: NewFallbackEvent[] = []
  let draining: Promise<void> | undefined
  let written = 0

  /** What the database would refuse again must not stand in the way of the others. */
  async function insertOrDrop(event: NewFallbackEvent): Promise<void> {
    try {
      await insert(event)
    } catch (error) {
      if (!isAway(error) && waiting[0] === event) waiting.shift()
      throw error
    }
  }

  async function drain(): Promise<void> {
    try {
      for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
        await insertOrDrop(first)
        // The oldest may have been dropped meanwhile.
        if (waiting[0] === first) waiting.shift()
      }
    } finally {
      // Here, and not a tick later: an event that is written in between would never be tried.
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
    async write(event) {
      written++
      // The id lets an event be sent twice when it is unknown whether it arrived, the time keeps its place.
      waiting.push({ ...event, id: uuid(), createdAt: new Date() })
      if (waiting.length > MAX_WAITING) waiting.shift()
      const late = Promise.withResolvers<never>()
      const timer = setTimeout(() => late.reject(new Error(`not stored within ${waitMs} ms`)), waitMs)
      try {
        // A drain under way takes this one as well.
        await Promise.race([flush(), late.promise])
        return true
      } catch (error) {
        onLate(event, error)
        return false
      } finally {
        clearTimeout(timer)
      }
    },
    async unlessBehind(find) {
      const before = written
      if (waiting.length > 0) return undefined
      const found = await find()
      return written === before && waiting.length === 0 ? found : undefined
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || error instanceof DatabaseTimeoutError
}
