import type { WindowCounts, WindowOutcome, WindowSummary } from './types.ts'

export interface RollingWindowOptions {
  /** Longest memory in seconds, a whole number from 1 to 86400. Default 300. */
  windowSeconds?: number
  /** Most samples that decide, a whole number from 1. Default 1000. */
  maxSamples?: number
  /** Milliseconds of a clock that never goes back. Default `performance.now`. */
  now?: () => number
}

/** The finished calls of the recent past. `record` and `summary` cost the same whatever the window holds. */
export interface RollingWindow {
  /**
   * Counts one finished call. `latencyMs` is kept in whole milliseconds, so that the running sum stays exact.
   * @throws {RangeError} when `latencyMs` is not a finite number >= 0
   */
  record(outcome: WindowOutcome, latencyMs: number): void
  /** Counts several finished calls at once, as if all of them had ended now. */
  add(counts: Readonly<WindowCounts>): void
  /** What the window holds now; samples that have grown too old are gone from it. */
  summary(): WindowSummary
  /** The sums behind the summary. */
  totals(): WindowCounts
  /** Forgets everything. */
  clear(): void
}

/**
 * A window over finished calls: the newest one-second buckets, going back until they hold `maxSamples`
 * calls or cover `windowSeconds`, whichever is shorter. Buckets enter and leave whole, so the window
 * holds every call younger than `windowSeconds` and none of `windowSeconds + 1` or older, unless the newer
 * ones alone are `maxSamples`.
 * @throws {RangeError} when an option is out of range
 */
export function createRollingWindow(options: RollingWindowOptions = {}): RollingWindow {
  const { windowSeconds = 300, maxSamples = 1000, now = () => performance.now() } = options
  assertWhole('windowSeconds', windowSeconds, 86_400)
  assertWhole('maxSamples', maxSamples, Number.MAX_SAFE_INTEGER)

  const size = windowSeconds + 1
  const ring: Record<keyof WindowCounts, Float64Array> = {
    samples: new Float64Array(size),
    errors: new Float64Array(size),
    timeouts: new Float64Array(size),
    latencyMs: new Float64Array(size),
    slow: new Float64Array(size),
    slowFirstTokens: new Float64Array(size)
  }
  // Seconds of the oldest and the newest bucket in the window; their places in the ring are `second % size`.
  let oldest = 0
  let newest = 0
  let total = noCounts()

  function clear(): void {
    for (const key of COUNTS) ring[key].fill(0)
    total = noCounts()
  }

  function dropOldest(): void {
    const place = oldest % size
    for (const key of COUNTS) {
      total[key] -= ring[key][place]!
      ring[key][place] = 0
    }
    oldest++
  }

  function advance(): void {
    const second = Math.max(newest, Math.floor(now() / 1000))
    if (total.samples === 0) oldest = second
    while (oldest < second - windowSeconds) {
      if (total.samples === 0) oldest = second
      else dropOldest()
    }
    newest = second
  }

  function trim(): void {
    while (oldest < newest && total.samples - ring.samples[oldest % size]! >= maxSamples) dropOldest()
  }

  function add(counts: Readonly<WindowCounts>): void {
    advance()
    const place = newest % size
    for (const key of COUNTS) {
      ring[key][place]! += counts[key]
      total[key] += counts[key]
    }
    trim()
  }

  return {
    record: (outcome, latencyMs) => add(countsOf(outcome, latencyMs)),
    add,
    totals() {
      advance()
      return { ...total }
    },
    summary() {
      advance()
      return summarize(total)
    },
    clear
  }
}

/** The rates of some sums. */
export function summarize(counts: Readonly<WindowCounts>): WindowSummary {
  const { samples, errors, timeouts } = counts
  const share = (count: number) => (samples === 0 ? 0 : count / samples)
  return {
    samples,
    errors,
    timeouts,
    errorRate: share(errors),
    timeoutRate: share(timeouts),
    meanLatencyMs: share(counts.latencyMs),
    slowRate: share(counts.slow),
    slowFirstTokenRate: share(counts.slowFirstTokens)
  }
}

/** Sums over no call at all. */
export function noCounts(): WindowCounts {
  return { samples: 0, errors: 0, timeouts: 0, latencyMs: 0, slow: 0, slowFirstTokens: 0 }
}

/**
 * One finished call, as counts. `slow` and `slowFirstToken` say whether it broke the limits of the optional rules.
 * @throws {RangeError} when `latencyMs` is not a finite number >= 0
 */
export function countsOf(
  outcome: WindowOutcome,
  latencyMs: number,
  slow = false,
  slowFirstToken = false
): WindowCounts {
  if (!(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`latencyMs must be a finite number >= 0, got ${latencyMs}`)
  }
  return {
    samples: 1,
    errors: outcome === 'error' ? 1 : 0,
    timeouts: outcome === 'timeout' ? 1 : 0,
    latencyMs: Math.round(latencyMs),
    slow: slow ? 1 : 0,
    slowFirstTokens: slowFirstToken ? 1 : 0
  }
}

/** Adds one set of sums to another, in place. */
export function addCounts(into: WindowCounts, counts: Readonly<WindowCounts>): void {
  for (const key of COUNTS) into[key] += counts[key]
}

const COUNTS = ['samples', 'errors', 'timeouts', 'latencyMs', 'slow', 'slowFirstTokens'] as const

function assertWhole(name: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${name} must be a whole number from 1 to ${max}, got ${value}`)
  }
}
