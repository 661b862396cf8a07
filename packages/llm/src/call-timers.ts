import { QuietTimer } from '@semibot/chat-protocol'
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
  readonly #timer: QuietTimer
  #phase: 'waiting' | 'started' | 'ending' = 'waiting'
  /** Why this attempt was ended from our side, when it was not the caller who ended it. */
  ended: LlmError | undefined
  /** How the consumer holds this attempt back; silence meanwhile is not the provider's. */
  readonly flow: FlowControl | undefined

  constructor(options: LlmCallOptions, whole: boolean) {
    this.#caller = options.signal
    this.#firstByteMs = options.firstByteTimeoutMs ?? (whole ? DEFAULT_WHOLE_WAIT_MS : DEFAULT_STREAM_WAIT_MS)
    this.#idleMs = options.idleTimeoutMs ?? DEFAULT_STREAM_WAIT_MS
    this.#timer = new QuietTimer(this.#firstByteMs, () => this.#expire())
    this.#caller.addEventListener('abort', this)
    if (this.#caller.aborted) this.handleEvent()
    const { flow } = options
    this.flow = flow && new HeldBack(flow, this.#timer)
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
      this.#timer.touch()
      return
    }
    this.#phase = 'started'
    this.#timer.restart(this.#idleMs)
  }

  /** The answer is whole: from now on this much silence ends the attempt, without an error. */
  endSoon(milliseconds: number): void {
    this.#phase = 'ending'
    this.#timer.restart(milliseconds)
  }

  /** Ends the attempt with an error. */
  end(error: LlmError): void {
    this.ended = error
    this.#controller.abort(error)
  }

  stop(): void {
    this.#timer.stop()
    this.#caller.removeEventListener('abort', this)
  }

  #expire(): void {
    if (this.flow?.congested === true) {
      this.#timer.restart()
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

/** The consumer's flow control; while it holds the answer back, silence is not the provider's. */
class HeldBack implements FlowControl {
  readonly #flow: FlowControl
  readonly #timer: QuietTimer

  constructor(flow: FlowControl, timer: QuietTimer) {
    this.#flow = flow
    this.#timer = timer
  }

  get congested(): boolean {
    return this.#flow.congested
  }

  onDrained(callback: () => void): void {
    this.#flow.onDrained(() => {
      this.#timer.touch()
      callback()
    })
  }
}
