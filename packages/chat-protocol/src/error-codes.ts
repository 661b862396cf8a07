import { ERROR_TABLE } from './error-table.ts'

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

/** Every code that a client or an operator may meet. */
export const ERROR_CODES = [...EXECUTION_ERROR_CODES, ...REQUEST_ERROR_CODES] as const

export type ExecutionErrorCode = (typeof EXECUTION_ERROR_CODES)[number]
export type ErrorCode = (typeof ERROR_CODES)[number]

/** Whose fault an execution error is. Only `runtime` is evidence against the runtime. */
export const ERROR_ORIGINS = ['runtime', 'llm', 'tool', 'client'] as const

export type ErrorOrigin = (typeof ERROR_ORIGINS)[number]

/** HTTP status of an answer that consists of this error alone. */
export function statusOf(code: ErrorCode): number {
  return ERROR_TABLE[code].status
}

/** HTTP status of the api's answer to a client: differs from `statusOf` where the runtime tells the api otherwise. */
export function clientStatusOf(code: ErrorCode): number {
  return ERROR_TABLE[code].clientStatus ?? ERROR_TABLE[code].status
}

/** Whether sending the same request again may succeed. */
export function isRetryable(code: ErrorCode): boolean {
  return ERROR_TABLE[code].retryable
}
