import { LRUCache } from 'lru-cache'

/** How often something happened in the current window of a key. */
interface WindowCount {
  count: number
  /** Milliseconds until the window ends; 0 when none is open. */
  endsInMs: number
}

/** Counts per key in windows of fixed length that begin with the first event; kept in this process. */
export interface WindowCounter {
  increment(key: string): WindowCount
  read(key: string): WindowCount
}

export interface WindowCounterOptions {
  windowMs: number
  /** Keys that are remembered; the longest unused is forgotten first. */
  maxKeys: number
  /** Milliseconds; only differences count. */
  now?: () => number
}

export function createWindowCounter(options: WindowCounterOptions): WindowCounter {
  const { windowMs, maxKeys } = options
  const now = options.now ?? (() => performance.now())
  const windows = new LRUCache<string, { count: number; endsAt: number }>({ max: maxKeys })

  function read(key: string): WindowCount {
    const window = windows.get(key)
    const endsInMs = window === undefined ? 0 : window.endsAt - now()
    return window === undefined || endsInMs <= 0 ? { count: 0, endsInMs: 0 } : { count: window.count, endsInMs }
  }

  return {
    read,
    increment(key) {
      const { count, endsInMs } = read(key)
      const next = count === 0 ? { count: 1, endsInMs: windowMs } : { count: count + 1, endsInMs }
      windows.set(key, { count: next.count, endsAt: now() + next.endsInMs })
      return next
    }
  }
}
