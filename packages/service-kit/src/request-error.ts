import { type ErrorCode, type ErrorDetail, statusOf } from '@semibot/chat-protocol'

export interface RequestErrorOptions {
  /** The fields that were not as expected. */
  details?: ErrorDetail[]
  /** Becomes the header `retry-after`, rounded up, at least 1. */
  retryAfterSeconds?: number
  headers?: Record<string, string>
  cause?: unknown
  /** HTTP status instead of the code's own. */
  status?: number
}

/** The one way to answer an error: code and message reach the client as they are, `cause` never does. */
export class RequestError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  readonly details: ErrorDetail[] | undefined
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, message: string, options: RequestErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RequestError'
    this.code = code
    this.statusCode = options.status ?? statusOf(code)
    this.details = options.details
    this.headers = { ...options.headers }
    if (options.retryAfterSeconds !== undefined) {
      this.headers['retry-after'] = String(Math.max(1, Math.ceil(options.retryAfterSeconds)))
    }
  }
}
