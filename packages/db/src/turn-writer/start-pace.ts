/** A sum of parts of a token may miss the whole by a little. */
const ROUNDING = 1e-6

/**
 * How often batches may start: a token bucket. After a quiet time `burst` of them start at once, under load so many a
 * second. Times are milliseconds of a clock that never goes back.
 */
export class StartPace {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #lookedAt = 0

  constructor(startsPerSecond: number, burst: number) {
    this.#perMs = startsPerSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /** Whole milliseconds until the next one may start; 0: now. */
  startsIn(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#lookedAt) * this.#perMs)
    this.#lookedAt = now
    return this.#tokens >= 1 - ROUNDING ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs)
  }

  started(): void {
    this.#tokens--
  }
}
