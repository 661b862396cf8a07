import { sql } from 'kysely'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { countDefaultRows, createTurnWriter, ensurePartitions, listMessages, listPartitions } from '../src/index.ts'
import { monthPartition } from '../src/partitions.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { runTurn } from './helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())

t.test('a month has midnights in UTC as its bounds, in every month of a leap year', (t) => {
  t.strictSame(monthPartition(new Date('2028-02-29T23:59:59.999Z')), {
    name: 'messages_2028_02',
    from: new Date('2028-02-01T00:00:00Z'),
    to: new Date('2028-03-01T00:00:00Z')
  })
  t.match(monthPartition(new Date('2026-12-31T23:59:59Z')), {
    name: 'messages_2026_12',
    to: new Date('2027-01-01T00:00:00Z')
  })
  t.end()
})

t.test('the months ahead are made once, however many processes ask', async (t) => {
  const before = await listPartitions(db)
  const now = new Date('2031-11-15T12:00:00Z')
  const reports = await Promise.all(Array.from({ length: 4 }, () => ensurePartitions(db, 3, now)))
  t.strictSame(reports.flatMap(({ created }) => created).sort(), [
    'messages_2031_11',
    'messages_2031_12',
    'messages_2032_01',
    'messages_2032_02'
  ])
  t.strictSame((await ensurePartitions(db, 3, now)).created, [])
  t.equal((await listPartitions(db)).length, before.length + 4)
})

t.test('a message goes into the partition of its month', async (t) => {
  const organization = await addOrganization(database)
  await ensurePartitions(db, 1, new Date('2033-01-10T00:00:00Z'))
  const last = Date.parse('2033-01-31T23:59:59.999Z')
  const { sessionId } = await runTurn(writer, organization, {
    userMessageId: uuidv7({ msecs: last }),
    assistantMessageId: uuidv7({ msecs: last + 1 })
  })
  const { rows } = await sql`select tableoid::regclass::text as partition, role from messages
    where session_id = ${sessionId} order by seq`.execute(db)
  t.strictSame(rows, [
    { partition: 'messages_2033_01', role: 'user' },
    { partition: 'messages_2033_02', role: 'assistant' }
  ])
})

t.test('rows of the default partition move into their month when it is made', async (t) => {
  const organization = await addOrganization(database)
  const { orgId } = organization
  const at = Date.parse('2031-05-05T05:05:05.005Z')
  const ids = { userMessageId: uuidv7({ msecs: at }), assistantMessageId: uuidv7({ msecs: at + 1 }) }
  const { sessionId } = await runTurn(writer, organization, ids)
  t.equal(await countDefaultRows(db), 2)

  // Chats go on while the rows move.
  const [report] = await Promise.all([
    ensurePartitions(db, 0, new Date(at)),
    ...Array.from({ length: 5 }, () => runTurn(writer, organization))
  ])
  t.strictSame(report, { created: ['messages_2031_05'], defaultRows: 0 })
  const { rows } = await sql`select count(*) as count from messages_2031_05`.execute(db)
  t.strictSame(rows, [{ count: 2 }])
  t.match((await listMessages(db, orgId, null, sessionId, { limit: 10 }))?.items, [{ seq: 2 }, { seq: 1 }])
  await runTurn(writer, organization, {
    sessionId,
    userMessageId: uuidv7({ msecs: at + 2 }),
    assistantMessageId: uuidv7({ msecs: at + 3 })
  })
  t.equal(await countDefaultRows(db), 0, 'the next turn of that month goes there too')
})
