import { ERROR_TABLE, type ErrorCode, type ErrorDetail, LIMITS } from '@semibot/chat-protocol'
import type { FastifySchemaValidationError } from 'fastify'
import { RequestError } from './request-error.ts'

const MAX_DETAILS = 20
const MAX_PATH_LENGTH = 200

const CODES_BY_STATUS: Record<number, ErrorCode> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  429: 'RATE_LIMITED'
}

const FRAMEWORK_MESSAGES: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: `The body is larger than ${LIMITS.bodyBytes} bytes.`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'The content type must be application/json.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as its content-length says.',
  FST_ERR_BAD_URL: 'The URL is not valid.',
  FST_ERR_INVALID_URL: 'The URL is not valid.',
  FST_ERR_MAX_PARAM_LENGTH: 'A part of the URL path is too long.'
}

interface ErrorLike {
  code?: unknown
  statusCode?: unknown
  validation?: FastifySchemaValidationError[]
  validationContext?: string
}

/**
 * What a client is told about anything that was thrown. A RequestError speaks for itself; a schema violation
 * lists its fields; errors of the framework get a sentence of ours; all else keeps at most its 4xx status and
 * never its text.
 */
export function toRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error
  const { code, statusCode, validation, validationContext } = Object(error) as ErrorLike
  if (Array.isArray(validation)) return validationError(validation, validationContext ?? 'body', error)
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) {
    return new RequestError('INTERNAL', ERROR_TABLE.INTERNAL.clientText, { cause: error })
  }
  const ours = CODES_BY_STATUS[statusCode] ?? 'VALIDATION_FAILED'
  const message = FRAMEWORK_MESSAGES[String(code)] ?? ERROR_TABLE[ours].clientText
  return new RequestError(ours, message, { status: statusCode, cause: error })
}

function validationError(issues: FastifySchemaValidationError[], context: string, cause: unknown): RequestError {
  const details = issues.flatMap((issue) => issueDetails(issue, context)).slice(0, MAX_DETAILS)
  const [first] = details
  const where = first === undefined || first.path === '' ? context : first.path
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
  return new RequestError('VALIDATION_FAILED', `${where}: ${first?.message ?? 'is not valid'}${more}.`, {
    details,
    cause
  })
}

function issueDetails(issue: FastifySchemaValidationError, context: string): ErrorDetail[] {
  const path = issue.instancePath.split('/').filter((part) => part !== '')
  if (context !== 'body') path.unshift(context === 'querystring' ? 'query' : context)
  const { keys } = issue.params as { keys?: unknown }
  if (issue.keyword === 'unrecognized_keys' && Array.isArray(keys)) {
    return keys.map((key) => ({ path: dotted([...path, String(key)]), message: 'is not a known field' }))
  }
  return [{ path: dotted(path), message: issue.message ?? 'is not valid' }]
}

function dotted(path: string[]): string {
  return path.join('.').slice(0, MAX_PATH_LENGTH)
}
