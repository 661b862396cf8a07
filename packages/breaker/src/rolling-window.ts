import type { OutcomeClass, WindowSummary } from './types.ts'

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
  record(outcome: OutcomeClass, latencyMs: number): void
  /** What the window holds now; samples that have grown too old are gone from it. */
  summary(): WindowSummary
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
  const samples = new Float64Array(size)
  const errors = new Float64Array(size)
  const timeouts = new Float64Array(size)
  const latencyMs = new Float64Array(size)
  // Seconds of the oldest and the newest bucket in the window; their places in the ring are `second % size`.
  let oldest = 0
  let newest = 0
  let total = { samples: 0, errors: 0, timeouts: 0, latencyMs: 0 }

  function clear(): void {
    for (const counts of [samples, errors, timeouts, latencyMs]) counts.fill(0)
    total = { samples: 0, errors: 0, timeouts: 0, latencyMs: 0 }
  }

  function dropOldest(): void {
    const place = oldest % size
    total.samples -= samples[place]!
    total.errors -= errors[place]!
    total.timeouts -= timeouts[place]!
    total.latencyMs -= latencyMs[place]!
    samples[place] = errors[place] = timeouts[place] = latencyMs[place] = 0
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
    while (oldest < newest && total.samples - samples[oldest % size]! >= maxSamples) dropOldest()
  }

  return {
    record(outcome, latency) {
      if (!(latency >= 0 && latency < Number.POSITIVE_INFINITY)) {
        throw new RangeError(`latencyMs must be a finite number >= 0, got ${latency}`)
      }
      advance()
      const place = newest % size
      const whole = Math.round(latency)
      samples[place]! += 1
      latencyMs[place]! += whole
      total.samples += 1
      total.latencyMs += whole
      if (outcome === 'error') {
        errors[place]! += 1
        total.errors += 1
      } else if (outcome === 'timeout') {
        timeouts[place]! += 1
        total.timeouts += 1
      }
      trim()
    },
    summary() {
      advance()
      const { samples: count, errors: failed, timeouts: late } = total
      return {
        samples: count,
        errors: failed,
        timeouts: late,
        errorRate: count === 0 ? 0 : failed / count,
        timeoutRate: count === 0 ? 0 : late / count,
        meanLatencyMs: count === 0 ? 0 : total.latencyMs / count
      }
    },
    clear
  }
}

function assertWhole(name: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${name} must be a whole number from 1 to ${max}, got ${value}`)
  }
}
