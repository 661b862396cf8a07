import { untilAborted } from '../agent/abort.ts'
import { wideAwakeClock } from './wide-awake-clock.ts'

export interface LeaseOptions {
  /** Says to everybody that this process lives. */
  renew: () => Promise<void>
  /** Others take the runs of a process that has not renewed for so long, milliseconds. */
  leaseMs: number
  /** How often it is renewed while runs depend on it, and while none does. */
  renewMs: number
  idleMs: number
  /** Milliseconds of a clock that never goes back and runs on while the process is paused. Default: such a one. */
  now?: () => number
}

/**
 * The lease of this process on its durable runs. It counts from the moment at which a renewal was sent, so that this
 * process stops to believe in it before others do: a process that was paused, or cut off from the database, finds it
 * lapsed as soon as it looks.
 */
export class Lease {
  readonly #options: LeaseOptions
  readonly #now: () => number
  #renewedAt = Number.NEGATIVE_INFINITY
  #lapses = 0
  #users = 0
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> | undefined
  #closed = false

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#now = options.now ?? wideAwakeClock()
  }

  get isValid(): boolean {
    return this.#now() - this.#renewedAt < this.#options.leaseMs
  }

  /** How often the lease was renewed after it had lapsed: others may have taken runs in between. */
  get lapses(): number {
    return this.#lapses
  }

  /** Keeps the lease from now on, so that this process is steady when it is needed. */
  begin(): void {
    if (this.#timer === undefined && !this.#closed) this.#schedule(0)
  }

  /** A run depends on the lease. Returns the function that says that it no longer does. */
  use(): () => void {
    if (this.#users++ === 0) this.#schedule(0)
    let used = true
    return () => {
      if (used) this.#users--
      used = false
    }
  }

  /** Renews it now, or waits for the renewal that is under way. @throws whatever the journal throws */
  renew(): Promise<void> {
    this.#renewing ??= this.#send().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  /** Resolves when the lease is valid. @throws the signal's reason when it fires first */
  async ensure(signal: AbortSignal): Promise<void> {
    while (!this.isValid) {
      signal.throwIfAborted()
      await untilAborted(this.#tryToRenew(), signal)
      if (!this.isValid)
        await untilAborted(new Promise((resolve) => setTimeout(resolve, this.#options.renewMs)), signal)
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      void this.#tryToRenew().then(() => this.#schedule(this.#users > 0 ? this.#options.renewMs : this.#options.idleMs))
    }, inMs).unref()
  }

  #tryToRenew(): Promise<void> {
    // One that fails is made up for by the next.
    return this.renew().catch(() => undefined)
  }

  async #send(): Promise<void> {
    const sentAt = this.#now()
    await this.#options.renew()
    // Only now: it may have been sent in time and have arrived late, which the others have seen.
    if (!this.isValid && this.#renewedAt !== Number.NEGATIVE_INFINITY) this.#lapses++
    this.#renewedAt = sentAt
  }
}
