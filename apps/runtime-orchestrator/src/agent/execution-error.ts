import { type ErrorOrigin, type EventError, type ExecutionErrorCode, isRetryable } from '@semibot/chat-protocol'
import { LlmError } from '@semibot/llm'

/** An execution that ends for a known reason; the message is shown to the user. */
export class ExecutionError extends Error {
  override readonly name = 'ExecutionError'
  readonly code: ExecutionErrorCode
  readonly origin: ErrorOrigin

  constructor(code: ExecutionErrorCode, origin: ErrorOrigin, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.origin = origin
  }
}

/** What the caller is told. An error that nobody foresaw is this runtime's own, and its text stays inside. */
export function describeError(error: unknown, requestId: string): EventError {
  const known = toExecutionError(error)
  return {
    code: known.code,
    message: known.message,
    retryable: isRetryable(known.code),
    origin: known.origin,
    requestId
  }
}

/** Whether nobody foresaw this error, so that its stack belongs into the log. */
export function isUnexpected(error: unknown): boolean {
  return !(error instanceof ExecutionError || error instanceof LlmError)
}

function toExecutionError(error: unknown): ExecutionError {
  if (error instanceof ExecutionError) return error
  if (error instanceof LlmError) return new ExecutionError(error.code, 'llm', error.message, { cause: error })
  return new ExecutionError('RUNTIME_INTERNAL', 'runtime', 'The runtime failed unexpectedly.', { cause: error })
}
