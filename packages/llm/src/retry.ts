import { LlmError } from './llm-error.ts'

/** Whether a second attempt may be worth it. */
export function isWorthRetrying(error: LlmError): boolean {
  return error.code !== 'LLM_REJECTED'
}

/** Longest wait before the second attempt; a provider that asks for more gets no second attempt. */
export const MAX_RETRY_DELAY_MS = 2000

/**
 * How long to wait before the second attempt: what the provider asked for, else 100 to 300 ms, spread so that
 * the calls of one outage do not come back together. Undefined: it asked for more than is worth waiting.
 */
export function retryDelayMs(error: LlmError, random: () => number = Math.random): number | undefined {
  if (error.retryAfterMs === undefined) return 100 + Math.round(random() * 200)
  return error.retryAfterMs <= MAX_RETRY_DELAY_MS ? error.retryAfterMs : undefined
}

/** Waits, or rejects with the signal's reason as soon as it aborts, or has. */
function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * Calls `attempt`, and once more when that failed in a way that may pass and nothing of it was used yet.
 * @param mayRetry whether the failed attempt has left no trace, and a second one can be expected to go better
 */
export async function withOneRetry<T>(
  attempt: () => Promise<T>,
  mayRetry: () => boolean,
  signal: AbortSignal
): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    if (!(error instanceof LlmError) || !mayRetry() || !isWorthRetrying(error)) throw error
    const delayMs = retryDelayMs(error)
    if (delayMs === undefined) throw error
    await wait(delayMs, signal)
    return attempt()
  }
}
