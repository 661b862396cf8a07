import pg from 'pg'
import t from 'tap'
import { sqlStateOf, toDatabaseError } from '../src/classify-error.ts'
import { DatabaseTimeoutError, DatabaseUnavailableError } from '../src/errors.ts'

function serverError(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('refused', 7, 'error'), { code })
}

function nodeError(code: string, message = 'failed'): Error {
  return Object.assign(new Error(message), { code })
}

t.test('what the server says is sorted by its SQLSTATE', (t) => {
  const table = [
    ['08006', 'unavailable', true],
    ['08001', 'unavailable', false],
    ['57P01', 'unavailable', true],
    ['57P03', 'unavailable', false],
    ['53300', 'unavailable', false],
    ['53100', 'unavailable', false],
    ['58030', 'unavailable', false],
    ['25006', 'unavailable', false],
    ['55P03', 'timeout'],
    ['57014', 'timeout'],
    ['23505', 'other'],
    ['40P01', 'other'],
    ['42P01', 'other'],
    ['3D000', 'unavailable', false],
    ['28P01', 'unavailable', false]
  ] as const
  for (const [code, expected, commitUnknown] of table) {
    const original = serverError(code)
    const error = toDatabaseError(original, true)
    if (expected === 'unavailable') {
      t.match(error, { code: 'DATABASE_UNAVAILABLE', sqlState: code, commitUnknown, cause: original }, code)
      t.ok(error instanceof DatabaseUnavailableError)
      t.equal(sqlStateOf(error), code)
    } else if (expected === 'timeout') {
      t.ok(error instanceof DatabaseTimeoutError, code)
    } else {
      t.equal(error, original, code)
      t.equal(sqlStateOf(error), code)
    }
  }
  t.end()
})

t.test('a connection that fails or breaks is unavailability; its commit is unknown once a statement was sent', (t) => {
  const errors = [
    nodeError('ECONNREFUSED'),
    nodeError('ECONNRESET'),
    nodeError('EPIPE'),
    nodeError('ETIMEDOUT'),
    nodeError('ENOTFOUND'),
    nodeError('EAI_AGAIN'),
    new AggregateError([nodeError('ECONNREFUSED')], ''),
    new Error('timeout exceeded when trying to connect'),
    new Error('Connection terminated unexpectedly'),
    new Error('Connection terminated due to connection timeout'),
    new Error('Query read timeout'),
    new Error('Client has encountered a connection error and is not queryable'),
    new Error('Cannot use a pool after calling end on the pool')
  ]
  Object.assign(errors[6] as Error, { code: 'ECONNREFUSED' })
  for (const original of errors) {
    for (const sent of [true, false]) {
      const error = toDatabaseError(original, sent)
      t.match(error, { code: 'DATABASE_UNAVAILABLE', commitUnknown: sent }, original.message)
      t.match((error as Error).message, /^database unavailable: ./)
    }
  }
  t.end()
})

t.test('other errors, and those that have a type already, are left alone', (t) => {
  const typed = new DatabaseUnavailableError('gone')
  for (const error of [new TypeError('a bug'), nodeError('ERR_INVALID_ARG_TYPE'), typed, 'text', undefined]) {
    t.equal(toDatabaseError(error, true), error)
  }
  t.end()
})
