import { createTestDatabase, waitFor } from '@semibot/stack/test'
import { sql } from 'kysely'
import t from 'tap'
import { DB_BACKGROUND_POOL_MAX, DB_CONNECTION_TIMEOUT_MS, DB_POOL_MAX } from '../../src/constants/config.ts'
import { databasePlugin } from '../../src/plugins/database.ts'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/build-test-app.ts'

function build(t: TestScope, url: string) {
  return buildEdge(t, { DATABASE_URL: url }, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(databasePlugin)
  })
}

t.test('DB_POOL_MAX sizes the pool of the chats', async (t) => {
  t.equal(DB_POOL_MAX, 10)
  const app = await build(t, await createTestDatabase(t, { migrated: false }))
  const connections = async (name: string) => {
    const query = sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name = ${name}`
    return (await query.execute(app.backgroundDb)).rows[0]?.count
  }
  const slow = (db: typeof app.db) => sql`select pg_sleep(0.2)`.execute(db)

  const busy = Array.from({ length: DB_POOL_MAX + 5 }, () => slow(app.db))
  await waitFor(async () => (await connections('semibot-api')) === DB_POOL_MAX, {
    timeoutMs: 5000,
    what: `${DB_POOL_MAX} connections`
  })
  await Promise.all(busy)
  t.equal(await connections('semibot-api'), DB_POOL_MAX, 'and never more')

  await Promise.all(Array.from({ length: DB_BACKGROUND_POOL_MAX + 2 }, () => slow(app.backgroundDb)))
  t.equal(
    await connections('semibot-api-background'),
    DB_BACKGROUND_POOL_MAX,
    'the others have a small one of their own'
  )
})

t.test('a taken pool refuses a caller in time, and the background pool goes on', async (t) => {
  const app = await build(t, await createTestDatabase(t, { migrated: false }))
  const held = Promise.withResolvers<void>()
  const holders = Array.from({ length: DB_POOL_MAX }, () =>
    app.db.transaction().execute(async (transaction) => {
      await sql`select 1`.execute(transaction)
      await held.promise
    })
  )
  const start = performance.now()
  await t.rejects(sql`select 1`.execute(app.db), { name: 'DatabaseUnavailableError' })
  t.ok(performance.now() - start < DB_CONNECTION_TIMEOUT_MS + 500)
  await t.resolves(sql`select 1`.execute(app.backgroundDb))
  held.resolve()
  await Promise.all(holders)
  await t.resolves(sql`select 1`.execute(app.db))
})

t.test('the pool shows up in /metrics', async (t) => {
  const app = await build(t, await createTestDatabase(t, { migrated: false }))
  await sql`select 1`.execute(app.db)
  const { body } = await app.inject('/metrics')
  const values = body.split('\n').filter((line) => /pool/.test(line) && !line.startsWith('#'))
  t.ok(
    values.some((line) => line.endsWith(` ${DB_POOL_MAX}`)),
    'its size'
  )
  t.ok(
    values.some((line) => /idle/.test(line) && line.endsWith(' 1')),
    'its idle connection'
  )
})

t.test('closing the app closes every connection', async (t) => {
  const url = await createTestDatabase(t, { migrated: false })
  const app = await build(t, url)
  await Promise.all([sql`select 1`.execute(app.db), sql`select 1`.execute(app.backgroundDb)])
  await app.close()
  const other = await build(t, url)
  const query = sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
  await waitFor(async () => (await query.execute(other.db)).rows[0]?.count === 0, {
    timeoutMs: 2000,
    what: 'no other connection'
  })
  t.pass('closed')
})
