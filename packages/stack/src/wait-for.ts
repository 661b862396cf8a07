import { setTimeout as pause } from 'node:timers/promises'

export interface WaitOptions {
  /** Longest wait, in milliseconds. Default 20000: a bound for busy machines, not a measure. */
  timeoutMs?: number
  /** Pause between two looks, in milliseconds. Default 15. */
  intervalMs?: number
  /** What is waited for, in words: it is the error's text. */
  what: string
  /** Ends the wait at once with the signal's reason. */
  signal?: AbortSignal
}

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>

/**
 * Looks again and again until `condition` gives a truthy value, and resolves with that value.
 * A condition that throws counts as "not yet"; its last error becomes the cause of the timeout's error.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<Truthy<T>> {
  const { timeoutMs = 20_000, intervalMs = 15, what, signal } = options
  const end = performance.now() + timeoutMs
  let lastError: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const value = await condition()
      if (value) return value as Truthy<T>
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() >= end) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: lastError })
    await pause(intervalMs)
  }
}
