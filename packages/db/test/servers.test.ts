import { createTestDatabase, findPostgres15, startPostgres15 } from '@semibot/stack/test'
import pg from 'pg'
import t, { type Test } from 'tap'
import {
  createDatabase,
  createOrganization,
  createTurnWriter,
  ensurePartitions,
  findAgent,
  findExecution,
  heartbeat,
  isMigrated,
  listMessages,
  migrateToLatest,
  orgMetrics,
  retention,
  searchMessages,
  sweepOrphans
} from '../src/index.ts'
import { endOf, newTurn } from './helpers/turns.ts'

/** A database that belongs to an ordinary role, as in production. */
async function createOwnedDatabase(serverUrl: string): Promise<string> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  await client.query('create role semibot login')
  await client.query('create database semibot owner semibot')
  await client.end()
  const url = new URL(serverUrl)
  url.username = 'semibot'
  url.pathname = '/semibot'
  return url.href
}

/** Everything that has SQL of its own, once. */
async function exercise(t: Test, url: string): Promise<void> {
  const applied = await migrateToLatest(url)
  t.ok(applied.length > 0)
  t.strictSame(await migrateToLatest(url), [], 'a second run has nothing to do')
  const { db, pool, close } = createDatabase({ url, max: 4, applicationName: 'exercise', connectionTimeoutMs: 10_000 })
  const writer = createTurnWriter(pool)
  t.teardown(async () => {
    await writer.close()
    await close()
  })
  t.equal(await isMigrated(db), true)

  const { id: orgId } = await createOrganization(db, { slug: 'acme', name: 'Acme' })
  const agentId = (await findAgent(db, orgId, 'assistant'))?.id ?? ''
  const organization = { orgId, agentId }
  const idempotency = { key: 'k', requestHash: 'h' }
  const turn = newTurn(organization, { content: '我想申请退款', idempotency })
  t.match(await writer.accept(turn), { kind: 'accepted' })
  t.match(await writer.accept(newTurn(organization, { idempotency })), { kind: 'replay' })
  const { executionId, sessionId, assistantMessageId: messageId } = turn
  t.equal(await writer.saveProgress({ executionId, orgId, messageId, content: '好' }), true)
  t.equal(await writer.finish(endOf(turn, { content: '好的，已经退款' })), true)
  t.match(await findExecution(db, orgId, null, executionId), { status: 'completed', content: '好的，已经退款' })
  t.match((await listMessages(db, orgId, null, sessionId, { limit: 10 }))?.items, [{ seq: 2 }, { seq: 1 }])
  t.equal((await orgMetrics(db, orgId)).direct.success, 1)
  t.equal((await searchMessages(db, orgId, null, '退款', 10)).length, 2)

  t.match(await writer.accept(newTurn(organization, { sessionId })), { kind: 'accepted', history: { length: 2 } })
  await heartbeat(db, { id: 'api-2', kind: 'api' })
  t.strictSame(await sweepOrphans(db, { staleMs: 60_000 }), [])
  t.match(await ensurePartitions(db, 12), { created: { length: 9 }, defaultRows: 0 })
  t.match(await retention(db, { days: 30 }), { ran: true, droppedPartitions: [] })
}

t.test('migrations and queries run on the server of the tests', async (t) => {
  await exercise(t, await createTestDatabase(t, { migrated: false }))
})

t.test('migrations and queries run on PostgreSQL 15, for the owner of the database', async (t) => {
  const programs = await findPostgres15()
  if (programs === undefined) {
    t.not(process.env.CI, 'true', 'CI has to have the package postgresql-15')
    t.comment('PostgreSQL 15 is not installed here: nothing was checked on it')
    return
  }
  await exercise(t, await createOwnedDatabase((await startPostgres15(t, programs)).adminUrl))
})
