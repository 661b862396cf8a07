/** Base of every error that this package throws on purpose; `code` is stable. */
export class DatabaseError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/**
 * The database cannot be used at the moment: no connection in time, connection lost, server starting, stopping,
 * read-only or out of resources. The same call may succeed later. `sqlState` is present when the server said why.
 */
export class DatabaseUnavailableError extends DatabaseError {
  readonly sqlState: string | undefined
  /** True when the statement may have been committed although its answer was lost. */
  readonly commitUnknown: boolean

  constructor(message: string, options: { cause?: unknown; sqlState?: string; commitUnknown?: boolean } = {}) {
    super('DATABASE_UNAVAILABLE', message, { cause: options.cause })
    this.sqlState = options.sqlState
    this.commitUnknown = options.commitUnknown ?? false
  }
}

/** A statement or a lock took longer than its limit; nothing of it is stored. The same call may succeed later. */
export class DatabaseTimeoutError extends DatabaseError {
  constructor(message: string, options?: ErrorOptions) {
    super('DATABASE_TIMEOUT', message, options)
  }
}

/** So many turns wait to be written that another one is refused at once; nothing of it is stored. */
export class TurnQueueFullError extends DatabaseError {
  constructor(message: string) {
    super('TURN_QUEUE_FULL', message)
  }
}

/** A page cursor was not made by the list that it was given to. */
export class InvalidCursorError extends DatabaseError {
  constructor() {
    super('INVALID_CURSOR', 'cursor: not a cursor of this list')
  }
}

/** A row with this unique value exists already; `field` names it. */
export class AlreadyExistsError extends DatabaseError {
  readonly field: string

  constructor(field: string, value: string, options?: ErrorOptions) {
    super('ALREADY_EXISTS', `${field}: ${JSON.stringify(value)} exists already`, options)
    this.field = field
  }
}
