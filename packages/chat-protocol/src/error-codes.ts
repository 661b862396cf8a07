/**
 * Why one execution attempt failed. A closed set: it is the label `code` of
 * `chat_execution_error_reasons_total`, the code at the end of log lines, and a database column.
 */
export const EXECUTION_ERROR_CODES = [
  'RUNTIME_UNAVAILABLE',
  'RUNTIME_STALLED',
  'RUNTIME_TIMEOUT',
  'RUNTIME_OVERLOADED',
  'RUNTIME_PROTOCOL',
  'RUNTIME_INTERNAL',
  'RUNTIME_DEPENDENCY',
  'LLM_RATE_LIMITED',
  'LLM_UNAVAILABLE',
  'LLM_REJECTED',
  'TOOL_FAILED',
  'LIMIT_EXCEEDED',
  'DEADLINE_EXCEEDED'
] as const

/** Why a request was refused before or outside an execution. */
export const REQUEST_ERROR_CODES = [
  'VALIDATION_FAILED',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'SESSION_BUSY',
  'IDEMPOTENCY_MISMATCH',
  'PAYLOAD_TOO_LARGE',
  'RATE_LIMITED',
  'OVERLOADED',
  'EVENTS_EXPIRED',
  'SHUTTING_DOWN',
  'INTERNAL'
] as const

export const ERROR_CODES = [...EXECUTION_ERROR_CODES, ...REQUEST_ERROR_CODES] as const

export type ExecutionErrorCode = (typeof EXECUTION_ERROR_CODES)[number]
export type RequestErrorCode = (typeof REQUEST_ERROR_CODES)[number]
export type ErrorCode = (typeof ERROR_CODES)[number]

/** Whose fault an execution error is. Only `runtime` is evidence against the runtime. */
export const ERROR_ORIGINS = ['runtime', 'llm', 'tool', 'client'] as const

export type ErrorOrigin = (typeof ERROR_ORIGINS)[number]

interface ErrorTraits {
  /** HTTP status when the error is the whole answer. */
  status: number
  /** Whether the same request may succeed when it is sent again unchanged. */
  retryable: boolean
}

const TRAITS: Record<ErrorCode, ErrorTraits> = {
  RUNTIME_UNAVAILABLE: { status: 502, retryable: true },
  RUNTIME_STALLED: { status: 502, retryable: true },
  RUNTIME_TIMEOUT: { status: 504, retryable: true },
  RUNTIME_OVERLOADED: { status: 503, retryable: true },
  RUNTIME_PROTOCOL: { status: 502, retryable: true },
  RUNTIME_INTERNAL: { status: 502, retryable: true },
  RUNTIME_DEPENDENCY: { status: 502, retryable: true },
  LLM_RATE_LIMITED: { status: 429, retryable: true },
  LLM_UNAVAILABLE: { status: 502, retryable: true },
  LLM_REJECTED: { status: 502, retryable: false },
  TOOL_FAILED: { status: 502, retryable: false },
  LIMIT_EXCEEDED: { status: 422, retryable: false },
  DEADLINE_EXCEEDED: { status: 504, retryable: true },
  VALIDATION_FAILED: { status: 400, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  SESSION_BUSY: { status: 409, retryable: true },
  IDEMPOTENCY_MISMATCH: { status: 422, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  OVERLOADED: { status: 503, retryable: true },
  EVENTS_EXPIRED: { status: 410, retryable: false },
  SHUTTING_DOWN: { status: 503, retryable: true },
  INTERNAL: { status: 500, retryable: true }
}

/** HTTP status of an answer that consists of this error alone. */
export function statusOf(code: ErrorCode): number {
  return TRAITS[code].status
}

/** Whether sending the same request again may succeed. */
export function isRetryable(code: ErrorCode): boolean {
  return TRAITS[code].retryable
}
