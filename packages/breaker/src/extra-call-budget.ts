/** Bounds the second model calls that failing over costs. */
export interface ExtraCallBudget {
  /** A chat has begun. */
  request(): void
  /**
   * Whether a chat that may still be running on the runtime may call the model a second time; counts it when
   * so. `isClosed`: the breaker is closed. Once it is not, the runtime is not called, so that failing over
   * repeats nothing: it is free.
   */
  tryTake(isClosed: boolean): boolean
}

export interface ExtraCallBudgetOptions {
  /** Of the requests of the last 10 s. Default 0.1. */
  share?: number
  /** On top of the share. Default 3. */
  perSecond?: number
  /** Milliseconds of a clock that never goes back. Default `performance.now`. */
  now?: () => number
}

const SECONDS = 10

/**
 * A retry budget as in Finagle and Envoy: over the last 10 s at most `share` of the requests, and `perSecond`
 * for each second, so that little traffic can fail over as well.
 */
export function createExtraCallBudget(options: ExtraCallBudgetOptions = {}): ExtraCallBudget {
  const { share = 0.1, perSecond = 3, now = () => performance.now() } = options
  const requests = new Float64Array(SECONDS)
  const taken = new Float64Array(SECONDS)
  let newest = Math.floor(now() / 1000)

  /** Forgets what is older than 10 s and gives the place of this second. */
  function advance(): number {
    const second = Math.max(newest, Math.floor(now() / 1000))
    const first = Math.max(newest + 1, second - SECONDS + 1)
    for (let passed = first; passed <= second; passed++) requests[passed % SECONDS] = taken[passed % SECONDS] = 0
    newest = second
    return second % SECONDS
  }

  return {
    request() {
      requests[advance()]! += 1
    },
    tryTake(isClosed) {
      if (!isClosed) return true
      const place = advance()
      if (sum(taken) + 1 > share * sum(requests) + perSecond * SECONDS) return false
      taken[place]! += 1
      return true
    }
  }
}

function sum(counts: Float64Array): number {
  let total = 0
  for (const count of counts) total += count
  return total
}
