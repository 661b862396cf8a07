import { sql } from 'kysely'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import {
  createTurnWriter,
  deleteSession,
  ensurePartitions,
  insertToolCall,
  listPartitions,
  retention
} from '../src/index.ts'
import { addOrganization, emptyTables, openTestDatabase } from './helpers/test-database.ts'
import { newTurn, runTurn } from './helpers/turns.ts'

const NOW = new Date('2021-06-15T12:00:00Z')
const DAY_MS = 86_400_000

const database = await openTestDatabase(t)
const { db, pool } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())

async function addOldMessages() {
  await emptyTables(database)
  await ensurePartitions(db, 3, new Date('2021-03-01T00:00:00Z'))
  const organization = await addOrganization(database)
  for (const daysAgo of [100, 75, 50, 31, 30.01, 29.99, 1]) {
    const at = NOW.getTime() - daysAgo * DAY_MS
    const turn = await runTurn(writer, organization, {
      userMessageId: uuidv7({ msecs: at }),
      assistantMessageId: uuidv7({ msecs: at }),
      createdAt: at
    })
    await insertToolCall(db, organization.orgId, {
      executionId: turn.executionId,
      id: 'call-1',
      name: 'calculator',
      source: 'builtin',
      effect: 'none',
      input: {}
    })
    await sql`update tool_calls set created_at = ${new Date(at)} where execution_id = ${turn.executionId}`.execute(db)
  }
  return organization
}

async function countAll(): Promise<Record<string, number>> {
  const { rows } = await sql<Record<string, number>>`select
    (select count(*) from messages) as messages, (select count(*) from executions) as executions,
    (select count(*) from tool_calls) as tools, (select count(*) from sessions) as sessions`.execute(db)
  return rows[0] ?? {}
}

t.test('a dry run counts what would go and changes nothing', async (t) => {
  await addOldMessages()
  const before = await countAll()
  const report = await retention(db, { days: 30, now: NOW, dryRun: true })
  t.match(report, {
    ran: true,
    dryRun: true,
    cutoff: new Date('2021-05-16T12:00:00Z'),
    droppedPartitions: ['messages_2021_03', 'messages_2021_04'],
    deleted: { messages: 4, executions: 5, toolCalls: 5, executionSteps: 0, sessions: 0, idempotencyKeys: 0 }
  })
  t.strictSame(await countAll(), before)
})

t.test('whole months are dropped, the edge is deleted in batches, the rest stays', async (t) => {
  await addOldMessages()
  t.strictSame(await countAll(), { messages: 14, executions: 7, tools: 7, sessions: 7 })
  const report = await retention(db, { days: 30, now: NOW, batch: 1 })
  t.match(report, {
    droppedPartitions: ['messages_2021_03', 'messages_2021_04'],
    deleted: { messages: 4, executions: 5, toolCalls: 5 }
  })
  t.strictSame(await countAll(), { messages: 4, executions: 2, tools: 2, sessions: 7 })
  const { rows } = await sql<{ oldest: Date }>`select min(created_at) as oldest from messages`.execute(db)
  t.ok((rows[0]?.oldest ?? 0) >= report.cutoff)
  const names = (await listPartitions(db)).map(({ name }) => name)
  t.notOk(names.some((name) => report.droppedPartitions.includes(name)))
  t.match(await retention(db, { days: 30, now: NOW }), { droppedPartitions: [], deleted: { messages: 0 } })
})

t.test('old messages of the default partition go too', async (t) => {
  const organization = await addOldMessages()
  const msecs = Date.parse('2020-01-01T00:00:00Z')
  const ids = { userMessageId: uuidv7({ msecs }), assistantMessageId: uuidv7({ msecs }) }
  await runTurn(writer, organization, ids)
  t.match(await retention(db, { days: 30, now: NOW }), { deleted: { messages: 6 } })
})

t.test('running executions, and rows that somebody has locked, stay for the next time', async (t) => {
  const organization = await addOldMessages()
  const running = newTurn(organization, { createdAt: NOW.getTime() - 60 * DAY_MS })
  await writer.accept(running)
  const client = await pool.connect()
  await client.query('begin')
  await client.query("select from messages_2021_05 where created_at < '2021-05-16' for update")
  const report = await retention(db, { days: 30, now: NOW })
  t.equal(report.deleted.messages, 2)
  t.equal(report.deleted.executions, 5)
  await client.query('rollback')
  client.release()
  t.equal((await retention(db, { days: 30, now: NOW })).deleted.messages, 2)
  const left = await db.selectFrom('executions').select('status').where('id', '=', running.executionId).execute()
  t.strictSame(left, [{ status: 'running' }])
})

t.test('sessions that were deleted that long ago and expired keys are removed', async (t) => {
  const organization = await addOldMessages()
  const { orgId } = organization
  const [old, recent] = [await runTurn(writer, organization), await runTurn(writer, organization)]
  for (const { sessionId } of [old, recent]) await deleteSession(db, orgId, null, sessionId)
  await db.updateTable('sessions').set({ deleted_at: NOW }).where('id', '=', recent.sessionId).execute()
  const longAgo = new Date(NOW.getTime() - 31 * DAY_MS)
  await db.updateTable('sessions').set({ deleted_at: longAgo }).where('id', '=', old.sessionId).execute()
  await writer.accept(newTurn(organization, { idempotency: { key: 'k', requestHash: 'h' } }))
  await db
    .updateTable('idempotency_keys')
    .set({ expires_at: new Date(0) })
    .execute()

  t.match(await retention(db, { days: 30, now: NOW, dryRun: true }), { deleted: { sessions: 1, idempotencyKeys: 1 } })
  t.match(await retention(db, { days: 30, now: NOW }), { deleted: { sessions: 1, idempotencyKeys: 1 } })
  const left = await db.selectFrom('sessions').select('id').where('deleted_at', 'is not', null).execute()
  t.strictSame(left, [{ id: recent.sessionId }])
})

t.test('only one process at a time does it', async (t) => {
  await addOldMessages()
  const client = await pool.connect()
  await client.query("select pg_advisory_lock(hashtextextended('semibot retention', 0))")
  t.match(await retention(db, { days: 30, now: NOW }), { ran: false, droppedPartitions: [] })
  await client.query("select pg_advisory_unlock(hashtextextended('semibot retention', 0))")
  client.release()
  t.match(await retention(db, { days: 30, now: NOW }), { ran: true })
})

t.test('a month that is in use is left for the next time, the rest is done', async (t) => {
  await addOldMessages()
  const client = await pool.connect()
  await client.query('begin')
  await client.query('select from messages_2021_03')
  t.match(await retention(db, { days: 30, now: NOW }), {
    droppedPartitions: ['messages_2021_04'],
    blockedPartitions: ['messages_2021_03'],
    deleted: { messages: 4 }
  })
  await client.query('rollback')
  client.release()
  t.match(await retention(db, { days: 30, now: NOW }), {
    droppedPartitions: ['messages_2021_03'],
    blockedPartitions: []
  })
})

t.test('less than a day of retention is refused', async (t) => {
  await addOldMessages()
  for (const days of [0, -1, 0.5, Number.NaN]) await t.rejects(retention(db, { days }), RangeError)
})
