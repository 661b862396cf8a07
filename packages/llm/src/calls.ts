import { Slots } from '@semibot/chat-protocol'
import { CallTimers } from './call-timers.ts'
import { LlmError } from './llm-error.ts'
import { withOneRetry } from './retry.ts'
import type { LlmCallOptions } from './types.ts'

/** What one attempt gets, and what it tells of itself. */
export interface Attempt {
  timers: CallTimers
  /** To be set to true as soon as anything of the answer was used: then there is no second attempt. */
  touched: boolean
}

/** The calls of one provider that are under way. */
export class Calls {
  readonly #active = new Slots<CallTimers>()
  #closed: LlmError | undefined

  /**
   * Runs a call: timers, at most one more attempt, and the caller's abort before the first.
   * @param whole whether the answer comes in one piece, which takes longer to begin
   */
  async run<T>(options: LlmCallOptions, whole: boolean, attempt: (state: Attempt) => Promise<T>): Promise<T> {
    let mayRetry = true
    const once = async () => {
      if (this.#closed !== undefined) throw this.#closed
      const timers = new CallTimers(options, whole)
      const state = { timers, touched: false }
      const place = this.#active.add(timers)
      try {
        return await attempt(state)
      } finally {
        timers.stop()
        this.#active.delete(place)
        mayRetry = !state.touched && timers.ended === undefined && this.#closed === undefined
      }
    }
    options.signal.throwIfAborted()
    return withOneRetry(once, () => mayRetry, options.signal)
  }

  /** Ends all calls and refuses new ones. */
  close(): void {
    this.#closed = new LlmError('LLM_UNAVAILABLE', 'The connection to the model provider is closed.')
    for (const timers of this.#active) timers.end(this.#closed)
  }
}
