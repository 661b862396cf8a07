import pg from 'pg'
import t from 'tap'
import { DatabaseTimeoutError, DatabaseUnavailableError } from '../../src/index.ts'
import { type BatchRunOptions, runBatch } from '../../src/turn-writer/run-batch.ts'

const deadlock = Object.assign(new pg.DatabaseError('deadlock detected', 1, 'error'), { code: '40P01' })
const badData = Object.assign(new pg.DatabaseError('bad data', 1, 'error'), { code: '22P05' })
const lockTimeout = new DatabaseTimeoutError('locked', {
  cause: Object.assign(new pg.DatabaseError('lock timeout', 1, 'error'), { code: '55P03' })
})
const statementTimeout = new DatabaseTimeoutError('slow', {
  cause: Object.assign(new pg.DatabaseError('statement timeout', 1, 'error'), { code: '57014' })
})
const lost = new DatabaseUnavailableError('connection lost', { commitUnknown: true })
const refused = new DatabaseUnavailableError('connection refused')

/** Runs a batch of letters against what each statement answers; its own letter is an item's result. */
async function run(items: string, statement: (items: string, number: number) => Error | undefined) {
  const statements: string[] = []
  const unknown: string[] = []
  const settled: Promise<string>[] = []
  const calls = [...items].map((item) => {
    const call = Promise.withResolvers<string>()
    settled.push(call.promise)
    return { item, ...call }
  })
  const options: BatchRunOptions<string, string> = {
    statement: async (batch, repeated) => {
      statements.push(batch.join('') + (repeated ? '!' : ''))
      const error = statement(batch.join(''), statements.length)
      if (error) throw error
      return batch
    },
    onCommitUnknown: (batch) => unknown.push(...batch)
  }
  const [results] = await Promise.all([Promise.allSettled(settled), runBatch(calls, options)])
  const outcomes = results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason))
  return { statements, unknown: unknown.join(''), outcomes }
}

t.test('a batch that works is one statement', async (t) => {
  t.strictSame(await run('abc', () => undefined), { statements: ['abc'], unknown: '', outcomes: ['a', 'b', 'c'] })
})

t.test('a deadlock is tried again once, then item by item', async (t) => {
  const once = await run('abc', (_, number) => (number === 1 ? deadlock : undefined))
  t.strictSame(once, { statements: ['abc', 'abc'], unknown: '', outcomes: ['a', 'b', 'c'] })
  const twice = await run('abc', (_, number) => (number <= 2 ? deadlock : undefined))
  t.strictSame(twice.statements, ['abc', 'abc', 'a', 'b', 'c'])
  t.strictSame(twice.outcomes, ['a', 'b', 'c'])
})

t.test('an error of the data is found by running the items one by one', async (t) => {
  const { statements, outcomes, unknown } = await run('abc', (items) => (items.includes('b') ? badData : undefined))
  t.strictSame(statements, ['abc', 'a', 'b', 'c'])
  t.strictSame(outcomes, ['a', badData, 'c'])
  t.equal(unknown, '')
})

t.test('locks that several items wait for in vain end the batch', async (t) => {
  const { statements, outcomes } = await run('abcdef', (items) => (items === 'a' ? undefined : lockTimeout))
  t.strictSame(statements, ['abcdef', 'a', 'b', 'c'])
  t.strictSame(outcomes, ['a', ...Array.from({ length: 5 }, () => lockTimeout)])
})

t.test('a statement that is too slow as a whole, and a refused connection, fail the batch at once', async (t) => {
  for (const error of [statementTimeout, refused]) {
    const { statements, outcomes, unknown } = await run('abc', () => error)
    t.strictSame(statements, ['abc'])
    t.strictSame(outcomes, [error, error, error])
    t.equal(unknown, '')
  }
})

t.test('a lost answer is asked for again, and the repetition says so', async (t) => {
  const answered = await run('ab', (_, number) => (number === 1 ? lost : undefined))
  t.strictSame(answered, { statements: ['ab', 'ab!'], unknown: '', outcomes: ['a', 'b'] })

  const refusedThen = await run('ab', (_, number) => (number === 1 ? lost : refused))
  t.strictSame(refusedThen.statements, ['ab', 'ab!'])
  t.match(refusedThen.outcomes, [{ code: 'DATABASE_UNAVAILABLE', commitUnknown: true }, { commitUnknown: true }])
  t.equal(refusedThen.unknown, 'ab')
})

t.test(
  'whatever follows a lost answer, the items that end in an error are reported as perhaps committed',
  async (t) => {
    const slow = await run('ab', (_, number) => (number === 1 ? lost : statementTimeout))
    t.strictSame(slow.outcomes, [statementTimeout, statementTimeout])
    t.equal(slow.unknown, 'ab')

    const bad = await run('abc', (items, number) => (number === 1 ? lost : items.includes('b') ? badData : undefined))
    t.strictSame(bad.statements, ['abc', 'abc!', 'a!', 'b!', 'c!'])
    t.strictSame(bad.outcomes, ['a', badData, 'c'])
    t.equal(bad.unknown, 'b')

    const gone = await run('abc', (items, number) => {
      if (number === 1) return lost
      return items === 'a' ? refused : badData
    })
    t.strictSame(gone.statements, ['abc', 'abc!', 'a!'])
    t.equal(gone.unknown, 'abc')
  }
)
