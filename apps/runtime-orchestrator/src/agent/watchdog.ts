import { LlmError } from '@semibot/llm'

export interface WatchdogOptions {
  firstByteTimeoutMs: number
  idleTimeoutMs: number
}

/** Ends a model call that sends nothing. */
export interface Watchdog {
  /** Fires with the outer signal's reason, or with an LlmError when the model was silent too long. */
  readonly signal: AbortSignal
  /** Something came from the model. */
  touch(): void
  /** The reader is slow, so the model is not waited for until the next touch. */
  pause(): void
  /** The call is over. */
  stop(): void
  /** The rest of the answer is not wanted: ends the call if it still runs. */
  abandon(): void
}

export function createWatchdog(outer: AbortSignal, { firstByteTimeoutMs, idleTimeoutMs }: WatchdogOptions): Watchdog {
  const silence = new AbortController()
  let timer: NodeJS.Timeout | undefined = setTimeout(expire, firstByteTimeoutMs, firstByteTimeoutMs)
  let idle = false
  return { signal: AbortSignal.any([outer, silence.signal]), touch, pause, stop: pause, abandon: () => silence.abort() }

  function touch(): void {
    if (idle && timer !== undefined) {
      timer.refresh()
      return
    }
    clearTimeout(timer)
    idle = true
    timer = setTimeout(expire, idleTimeoutMs, idleTimeoutMs)
  }

  function pause(): void {
    clearTimeout(timer)
    timer = undefined
  }

  function expire(limitMs: number): void {
    silence.abort(new LlmError('LLM_UNAVAILABLE', `The model sent nothing for ${limitMs} ms.`))
  }
}
