/** Time as the breaker sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number
  /** Milliseconds since 1970, for what people read. */
  wallNow(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(timer: unknown): void
}

/** The clock of this process. Its timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout)
}
