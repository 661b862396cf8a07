export interface QuietTimerOptions {
  /** It does not keep the process alive. */
  unref?: boolean
  /** Milliseconds; only differences count. */
  now?: () => number
}

/**
 * Calls back when nothing was heard for so long. To be touched for each piece of a stream: a touch is one look at the
 * clock, while moving a timer of Node.js costs several times as much.
 */
export class QuietTimer {
  readonly #onQuiet: () => void
  #quietMs: number
  #timer: NodeJS.Timeout
  /** 0: not since the timer was set. */
  #touchedAt = 0
  readonly #unref: boolean
  readonly #now: () => number

  constructor(quietMs: number, onQuiet: () => void, options: QuietTimerOptions = {}) {
    this.#quietMs = quietMs
    this.#onQuiet = onQuiet
    this.#unref = options.unref ?? false
    this.#now = options.now ?? (() => performance.now())
    this.#timer = this.#set(quietMs)
  }

  /** Something was heard. */
  touch(): void {
    this.#touchedAt = this.#now()
  }

  /** Begins anew, also after it has called back; without a number with the same one. */
  restart(quietMs = this.#quietMs): void {
    clearTimeout(this.#timer)
    this.#quietMs = quietMs
    this.#touchedAt = 0
    this.#timer = this.#set(quietMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #set(milliseconds: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#look(), milliseconds)
    return this.#unref ? timer.unref() : timer
  }

  #look(): void {
    const leftMs = this.#touchedAt === 0 ? 0 : this.#touchedAt + this.#quietMs - this.#now()
    if (leftMs <= 0) {
      this.#onQuiet()
      return
    }
    // Timers go by whole milliseconds and may fire a fraction early.
    this.#timer = this.#set(Math.ceil(leftMs))
  }
}
