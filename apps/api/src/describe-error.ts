import {
  AlreadyExistsError,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  InvalidCursorError,
  TurnQueueFullError
} from '@semibot/db'
import { RequestError } from '@semibot/service-kit'

const RETRY_AFTER_SECONDS = 2

/** What a caller is told when a query failed; undefined for every other error. */
export function describeError(error: unknown): RequestError | undefined {
  if (error instanceof InvalidCursorError) {
    const message = 'must be the nextCursor of an earlier page of this list'
    return new RequestError('VALIDATION_FAILED', `cursor ${message}.`, { details: [{ path: 'cursor', message }] })
  }
  if (error instanceof AlreadyExistsError) {
    const details = [{ path: error.field, message: 'is taken' }]
    return new RequestError('VALIDATION_FAILED', `${error.field} is taken.`, { status: 409, details })
  }
  const mayWorkLater =
    error instanceof DatabaseUnavailableError ||
    error instanceof DatabaseTimeoutError ||
    error instanceof TurnQueueFullError
  if (!mayWorkLater) return undefined
  return new RequestError('OVERLOADED', 'The database cannot answer at the moment; try again.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause: error
  })
}
