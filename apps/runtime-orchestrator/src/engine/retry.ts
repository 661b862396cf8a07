import { untilAborted } from '../agent/abort.ts'

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1_000

export interface RetryOptions {
  /** Whether the same call may succeed later. */
  isOutage: (error: unknown) => boolean
  signal: AbortSignal
  /** Gives up after so many milliseconds; without it only the signal ends the tries. */
  limitMs?: number
}

/** Repeats a call while the database is away. @throws what the last try threw, or the signal's reason */
export async function throughOutages<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { isOutage, signal, limitMs = Number.POSITIVE_INFINITY } = options
  const startedAt = performance.now()
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    signal.throwIfAborted()
    try {
      return await untilAborted(call(), signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (!isOutage(error) || performance.now() - startedAt + waitMs > limitMs) throw error
    }
    await untilAborted(new Promise((resolve) => setTimeout(resolve, waitMs)), signal)
  }
}
