import { sql } from 'kysely'
import t from 'tap'
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid'
import { isUuid, uuidTimeMs } from '../src/uuid-time.ts'
import { openTestDatabase } from './helpers/test-database.ts'

const TIMES = [0, 1, 999, 1_700_000_000_123, Date.UTC(2026, 10, 30, 23, 59, 59, 999), 2 ** 47]

t.test('the time of a version 7 id is read to the millisecond, of other ids not at all', (t) => {
  for (const msecs of TIMES) t.equal(uuidTimeMs(uuidv7({ msecs })), msecs)
  t.equal(uuidTimeMs(uuidv4()), undefined)
  for (const text of ['', 'x', '0190163d-8694-739b-aea5-966c26f8ad9', `${uuidv7()} `])
    t.equal(uuidTimeMs(text), undefined)
  t.end()
})

t.test('only whole UUIDs are UUIDs', (t) => {
  t.ok(isUuid(uuidv4()) && isUuid(uuidv7().toUpperCase()))
  for (const text of ['default', '', uuidv4().slice(1), `{${uuidv4()}}`]) t.notOk(isUuid(text))
  t.end()
})

t.test('the database reads the same time from an id', async (t) => {
  const { db } = await openTestDatabase(t)
  for (const msecs of TIMES.slice(0, -1)) {
    const { rows } = await sql<{ at: Date }>`select semibot_uuid_time(${uuidv7({ msecs })}) as at`.execute(db)
    t.equal(rows[0]?.at.getTime(), msecs)
  }
})
