import pg from 'pg'
import { DatabaseError, DatabaseTimeoutError, DatabaseUnavailableError } from './errors.ts'

// https://www.postgresql.org/docs/18/errcodes-appendix.html
// Beside what is down: a database that is being restored (3D000), a password that was changed on one side (28).
const UNAVAILABLE_CLASSES = ['08', '28', '53', '58']
const UNAVAILABLE_STATES = ['3D000', '57P01', '57P02', '57P03', '57P05', '25006', '25P03']
const TIMEOUT_STATES = ['55P03', '57014']
// A backend that is told to stop may have committed just before.
const COMMIT_UNKNOWN_STATES = ['57P01', '57P02', '57P05', '08006', '08003', '08007']

// Texts of pg and pg-pool, which give these errors no code.
const CONNECTION_TEXT =
  /^(timeout exceeded when trying to connect|timeout expired|Connection terminated|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/
const CONNECTION_CODES = /^(E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN|NETDOWN)|ENOTFOUND)/

/** SQLSTATE of an error that the server sent, else undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code
  return error instanceof DatabaseUnavailableError ? error.sqlState : undefined
}

/**
 * Gives an error of pg its type: DatabaseUnavailableError or DatabaseTimeoutError; anything else is returned
 * as it is. `sent` says whether a statement was on its way, so that its commit is unknown when the
 * connection broke.
 */
export function toDatabaseError(error: unknown, sent: boolean): unknown {
  if (error instanceof DatabaseError || !(error instanceof Error)) return error
  if (error instanceof pg.DatabaseError) return fromServer(error)

  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (!CONNECTION_CODES.test(code) && !CONNECTION_TEXT.test(error.message)) return error
  // An AggregateError of several addresses has an empty message.
  const reason = error.message === '' ? code : error.message
  return new DatabaseUnavailableError(`database unavailable: ${reason}`, { cause: error, commitUnknown: sent })
}

/** Throws what came of a statement behind another one of the same call, which is committed while its answer is lost now. */
export function rethrowCommitted(error: unknown): never {
  if (!(error instanceof DatabaseUnavailableError || error instanceof DatabaseTimeoutError)) throw error
  throw new DatabaseUnavailableError(error.message, { cause: error, commitUnknown: true })
}

function fromServer(error: pg.DatabaseError): Error {
  const state = error.code ?? ''
  if (TIMEOUT_STATES.includes(state)) {
    return new DatabaseTimeoutError(`database timeout: ${error.message}`, { cause: error })
  }
  if (UNAVAILABLE_CLASSES.includes(state.slice(0, 2)) || UNAVAILABLE_STATES.includes(state)) {
    return new DatabaseUnavailableError(`database unavailable: ${error.message}`, {
      cause: error,
      sqlState: state,
      commitUnknown: COMMIT_UNKNOWN_STATES.includes(state)
    })
  }
  return error
}
