import type { FlowControl } from '@semibot/chat-protocol/event-stream'
import { LlmError } from './llm-error.ts'
import type { LlmCallOptions } from './types.ts'

const DEFAULT_STREAM_WAIT_MS = 60_000
/** A whole answer only begins when the model has finished it. */
const DEFAULT_WHOLE_WAIT_MS = 300_000

/**
 * Ends one attempt when the caller asks for it or nothing comes for too long. `signal` is what the transport
 * listens to; `ended` tells afterwards which of the two it was.
 */
export class CallTimers {
  readonly #controller = new AbortController()
  readonly #caller: AbortSignal
  readonly #idleMs: number
  readonly #firstByteMs: number
  #timer: NodeJS.Timeout
  #phase: 'waiting' | 'started' | 'ending' = 'waiting'
  /** Why this attempt was ended from our side, when it was not the caller who ended it. */
  ended: LlmError | undefined
  /** How the consumer holds this attempt back; silence meanwhile is not the provider's. */
  readonly flow: FlowControl | undefined

  constructor(options: LlmCallOptions, whole: boolean) {
    this.#caller = options.signal
    this.#firstByteMs = options.firstByteTimeoutMs ?? (whole ? DEFAULT_WHOLE_WAIT_MS : DEFAULT_STREAM_WAIT_MS)
    this.#idleMs = options.idleTimeoutMs ?? DEFAULT_STREAM_WAIT_MS
    this.#timer = setTimeout(this.#expire, this.#firstByteMs)
    this.#caller.addEventListener('abort', this)
    if (this.#caller.aborted) this.handleEvent()
    const { flow } = options
    this.flow = flow && {
      get congested() {
        return flow.congested
      },
      onDrained: (callback) =>
        flow.onDrained(() => {
          this.#timer.refresh()
          callback()
        })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The caller's abort event. */
  handleEvent(): void {
    this.#controller.abort(this.#caller.reason)
  }

  /** Bytes have arrived. */
  activity(): void {
    if (this.#phase !== 'waiting') {
      this.#timer.refresh()
      return
    }
    this.#phase = 'started'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#expire, this.#idleMs)
  }

  /** The answer is whole: from now on this much silence ends the attempt, without an error. */
  endSoon(milliseconds: number): void {
    this.#phase = 'ending'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#expire, milliseconds)
  }

  /** Ends the attempt with an error. */
  end(error: LlmError): void {
    this.ended = error
    this.#controller.abort(error)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#caller.removeEventListener('abort', this)
  }

  readonly #expire = (): void => {
    if (this.flow?.congested === true) {
      this.#timer.refresh()
      return
    }
    if (this.#phase === 'ending') {
      this.#controller.abort()
      return
    }
    const message =
      this.#phase === 'started'
        ? `The model provider stopped answering: nothing for ${this.#idleMs} ms.`
        : `The model provider did not answer within ${this.#firstByteMs} ms.`
    this.end(new LlmError('LLM_UNAVAILABLE', message))
  }
}
