import { DatabaseUnavailableError, type NewFallbackEvent } from '@semibot/db'
import t from 'tap'
import { createFallbackHistory } from '../../src/monitoring/fallback-history.ts'

const event = (detail: string): NewFallbackEvent => ({ kind: 'force', state: 'open', reason: 'forced', detail })

/** A database that takes events, refuses them or hangs, as told. */
function setup(waitMs = 1000) {
  const stored: string[] = []
  const late: string[] = []
  const hung: (() => void)[] = []
  const database = { state: 'up' as 'up' | 'down' | 'hung' }
  const history = createFallbackHistory({
    insert: async ({ detail = '' }) => {
      if (database.state === 'down') throw new DatabaseUnavailableError('refused')
      if (database.state === 'hung') await new Promise<void>((resolve) => hung.push(resolve))
      stored.push(detail)
    },
    waitMs,
    onLate: ({ detail = '' }) => late.push(detail)
  })
  const release = () => {
    database.state = 'up'
    for (const resolve of hung.splice(0)) resolve()
  }
  return { history, database, stored, late, release }
}

t.test('an event is stored, and that is said', async (t) => {
  const { history, stored, late } = setup()
  t.equal(await history.write(event('a')), true)
  t.same([stored, late], [['a'], []])
  await history.flush()
  t.same(stored, ['a'], 'once')
})

t.test('while the database is away events wait, and are stored in their order when it is back', async (t) => {
  const { history, database, stored, late } = setup()
  database.state = 'down'
  t.equal(await history.write(event('a')), false)
  t.equal(await history.write(event('b')), false)
  await t.rejects(history.flush(), { message: 'refused' })
  t.same([stored, late], [[], ['a', 'b']])
  database.state = 'up'
  t.equal(await history.write(event('c')), true, 'a later one takes the others along')
  t.same(stored, ['a', 'b', 'c'])
})

t.test('a hung database keeps the operator waiting for a moment only', async (t) => {
  const { history, database, stored, late, release } = setup(20)
  database.state = 'hung'
  t.equal(await history.write(event('a')), false)
  t.same(late, ['a'])
  release()
  await history.flush()
  t.same(stored, ['a'])
})

t.test('events of the same moment are stored once each', async (t) => {
  const { history, stored } = setup()
  const names = Array.from({ length: 20 }, (_, index) => String(index))
  t.same(
    await Promise.all(names.map((name) => history.write(event(name)))),
    names.map(() => true)
  )
  t.same(stored, names)
})

t.test('more events than can wait push the oldest out', async (t) => {
  const { history, database, stored } = setup()
  database.state = 'down'
  for (let index = 0; index < 102; index++) await history.write(event(String(index)))
  database.state = 'up'
  await history.flush()
  t.equal(stored.length, 100)
  t.same([stored[0], stored.at(-1)], ['2', '101'])
})

t.test('what the database says counts only when it knows of all', async (t) => {
  const { history, database } = setup()
  const found = async () => 'found'
  t.equal(await history.unlessBehind(found), 'found')
  const meanwhile = history.unlessBehind(async () => {
    await history.write(event('a'))
    return 'found'
  })
  t.equal(await meanwhile, undefined, 'something happened while it was asked')
  t.equal(await history.unlessBehind(found), 'found')
  database.state = 'down'
  await history.write(event('b'))
  t.equal(await history.unlessBehind(found), undefined, 'something waits')
})

t.test('what is sent again is the same event, of the time when it happened', async (t) => {
  const sent: NewFallbackEvent[] = []
  const history = createFallbackHistory({
    insert: async (event) => {
      sent.push(event)
      if (sent.length === 1) throw new DatabaseUnavailableError('the answer was lost')
    },
    waitMs: 1000,
    onLate: () => {}
  })
  await history.write(event('a'))
  await history.flush()
  t.equal(sent.length, 2)
  t.match(sent[0], { detail: 'a', id: String, createdAt: Date })
  t.same(sent[1], sent[0])
})

t.test('what the database will never take does not stand in the way of the rest', async (t) => {
  const stored: (string | undefined)[] = []
  const history = createFallbackHistory({
    insert: async ({ detail }) => {
      if (detail === 'bad') throw new Error('check constraint')
      stored.push(detail)
    },
    waitMs: 1000,
    onLate: () => {}
  })
  t.equal(await history.write(event('bad')), false)
  t.equal(await history.write(event('good')), true)
  t.same(stored, ['good'])
  t.equal(await history.unlessBehind(async () => 'found'), 'found')
})
