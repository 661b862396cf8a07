/** Why a model call failed; a subset of the execution error codes. */
export type LlmErrorCode = 'LLM_RATE_LIMITED' | 'LLM_UNAVAILABLE' | 'LLM_REJECTED'

export interface LlmErrorOptions {
  status?: number
  retryAfterMs?: number
  cause?: unknown
}

/** A model call that failed. The message is safe to show: no key, no more of the provider's text than a line. */
export class LlmError extends Error {
  override readonly name = 'LlmError'
  readonly code: LlmErrorCode
  /** HTTP status of the provider's answer, when there was one. */
  readonly status?: number
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfterMs?: number

  constructor(code: LlmErrorCode, message: string, options: LlmErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    if (options.status !== undefined) this.status = options.status
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}
