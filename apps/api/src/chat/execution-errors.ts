import type { CancelReason, ChatMode } from '@semibot/chat-protocol'
import { ExecutionError } from '../adapters/chat-executor.ts'

/** Why an execution was called off from outside. */
export class Cancelled extends Error {
  readonly reason: CancelReason

  constructor(reason: CancelReason) {
    super(`cancelled: ${reason}`)
    this.name = 'Cancelled'
    this.reason = reason
  }
}

/** The chat's time is over. */
export function deadlineError(mode: ChatMode): ExecutionError {
  const message = 'The answer was not finished in time.'
  return mode === 'direct_llm'
    ? new ExecutionError('DEADLINE_EXCEEDED', 'llm', message)
    : new ExecutionError('RUNTIME_TIMEOUT', 'runtime', message)
}

/** A fault of our own code: the client learns nothing of it, the log everything. */
export function unexpectedError(mode: ChatMode, cause: unknown): ExecutionError {
  const message = 'The answer could not be produced.'
  return mode === 'direct_llm'
    ? new ExecutionError('LLM_UNAVAILABLE', 'llm', message, { cause })
    : new ExecutionError('RUNTIME_INTERNAL', 'runtime', message, { cause })
}
