import type { Clock } from './clock.ts'

/** So long after they were given, permits are kept for chats; what is left then is used for probes. */
const OFFER_MS = 500

/** The permits that this replica holds while the breaker is half open. */
export class Trials {
  readonly #clock: Clock
  readonly #probe: () => void
  #free = 0
  #timer: unknown
  #grantedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, probe: () => void) {
    this.#clock = clock
    this.#probe = probe
  }

  /** Permits that nobody has taken yet. */
  get free(): number {
    return this.#free
  }

  /** When permits were given the last time. */
  get grantedAt(): number {
    return this.#grantedAt
  }

  /** New permits. As long as nothing has proven the runtime a probe goes first; chats follow it. */
  grant(count: number, isProven: boolean): void {
    if (count <= 0) return
    this.#free += count
    this.#grantedAt = this.#clock.now()
    if (!isProven && this.take()) this.#probe()
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      while (this.take()) this.#probe()
    }, OFFER_MS)
  }

  take(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /** The half-open time is over. */
  clear(): void {
    this.#free = 0
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
