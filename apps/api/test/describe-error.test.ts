import {
  AlreadyExistsError,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  InvalidCursorError,
  TurnQueueFullError
} from '@semibot/db'
import t from 'tap'
import { describeError } from '../src/describe-error.ts'

t.test('what may work later is a 503 with Retry-After that hides the cause', async (t) => {
  const secret = 'connect ECONNREFUSED 10.1.2.3:5432'
  const errors = [
    new DatabaseUnavailableError(secret),
    new DatabaseTimeoutError(secret),
    new TurnQueueFullError(secret)
  ]
  for (const error of errors) {
    const answer = describeError(error)
    t.match(answer, { code: 'OVERLOADED', statusCode: 503, headers: { 'retry-after': '2' } }, error.name)
    t.notMatch(answer?.message, /10\.1\.2\.3/, error.name)
    t.equal(answer?.cause, error, 'but the log has it')
  }
})

t.test('a wrong cursor is a 400, a taken name a 409, each with its field', async (t) => {
  t.match(describeError(new InvalidCursorError()), {
    code: 'VALIDATION_FAILED',
    statusCode: 400,
    details: [{ path: 'cursor' }]
  })
  t.match(describeError(new AlreadyExistsError('slug', 'poet')), {
    code: 'VALIDATION_FAILED',
    statusCode: 409,
    details: [{ path: 'slug', message: 'is taken' }]
  })
})

t.test('everything else is left to the general rules', async (t) => {
  for (const error of [new Error('x'), 'x', undefined, null]) t.equal(describeError(error), undefined)
})
