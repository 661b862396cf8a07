import type { ToolEffect } from '@semibot/chat-protocol'

/** One attempt at a step. */
export interface StepAttempt {
  /** Fires when the execution is stopped. */
  readonly signal: AbortSignal
  /** An earlier attempt at this step had begun, in whatever process, and left no result: it may have taken effect. */
  readonly begunBefore: boolean
  /**
   * To be asked right before something is done to the world. Undefined: now. Else it has to be waited for and asked
   * again; it rejects in a process that was paused and replaced meanwhile.
   */
  readonly mayAct?: () => Promise<void> | undefined
  /** W3C trace context of the attempt, where it has one of its own. */
  readonly traceparent?: string
}

/**
 * Runs a part of an execution under a name that is the same in every attempt at it. `inline` just runs it; a
 * durable engine gives its recorded result where there is one. What `run` resolves to is plain data. Steps that
 * are begun at the same time may run at the same time.
 */
export type RunStep = <T>(name: string, effect: ToolEffect, run: (attempt: StepAttempt) => Promise<T>) => Promise<T>

/** Steps that are just run, once. */
export function inlineSteps(signal: AbortSignal): RunStep {
  return (_name, _effect, run) => run({ signal, begunBefore: false })
}
