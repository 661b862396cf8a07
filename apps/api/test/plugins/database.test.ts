import type { Database } from '@semibot/db'
import { parseMetrics, sumOf } from '@semibot/stack'
import { createTestDatabase, waitFor } from '@semibot/stack/test'
import { type Kysely, sql } from 'kysely'
import t from 'tap'
import { DB_BACKGROUND_POOL_MAX, DB_CONNECTION_TIMEOUT_MS, DB_POOL_MAX } from '../../src/constants/config.ts'
import { databasePlugin } from '../../src/plugins/database.ts'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import { buildTestApp } from '../helpers/build-test-app.ts'
import type { TestScope } from '../helpers/test-scope.ts'

function build(t: TestScope, url: string) {
  return buildEdge(t, { DATABASE_URL: url }, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(databasePlugin)
  })
}

/** Takes so many connections, one after the other, and keeps them until `release`. */
async function hold(db: Kysely<Database>, count: number): Promise<{ release: () => Promise<void> }> {
  const released = Promise.withResolvers<void>()
  const holders: Promise<void>[] = []
  for (let held = 0; held < count; held++) {
    const taken = Promise.withResolvers<void>()
    const holder = db.connection().execute(async (connection) => {
      await sql`select 1`.execute(connection)
      taken.resolve()
      await released.promise
    })
    holders.push(holder)
    await Promise.race([taken.promise, holder])
  }
  return {
    release: async () => {
      released.resolve()
      await Promise.all(holders)
    }
  }
}

t.test('DB_POOL_MAX sizes the pool of the chats, and the others have a small one of their own', async (t) => {
  t.equal(DB_POOL_MAX, 10)
  const app = await build(t, await createTestDatabase(t, { migrated: false }))
  const count = (db: Kysely<Database>, name: string) => {
    const query = sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name = ${name}`
    return query.execute(db).then(({ rows }) => rows[0]?.count)
  }
  const pools = [
    { name: 'semibot-api', db: app.db, other: app.backgroundDb, max: DB_POOL_MAX },
    { name: 'semibot-api-background', db: app.backgroundDb, other: app.db, max: DB_BACKGROUND_POOL_MAX }
  ]
  for (const { name, db, other, max } of pools) {
    const held = await hold(db, max)
    const start = performance.now()
    await t.rejects(sql`select 1`.execute(db), { name: 'DatabaseUnavailableError' }, `${name}: one more is refused`)
    t.ok(performance.now() - start < DB_CONNECTION_TIMEOUT_MS + 1000, `${name}: in time`)
    t.equal(await count(other, name), max, `${name}: the server sees as many`)
    await held.release()
    t.ok(await count(db, name), `${name}: and it goes on`)
  }
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

t.test('reads go past a server that is no replica, which /ready and the metrics say', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { app, createOrganization } = await buildTestApp(t, {
    DATABASE_URL: databaseUrl,
    DATABASE_READ_URL: databaseUrl
  })
  const { id, member } = await createOrganization('readers')
  t.match((await app.inject('/ready')).json(), { dependencies: { 'postgres replica': { state: 'up' } } })

  const { headers } = member
  const created = await app.inject({ method: 'POST', url: '/api/v1/sessions', headers, payload: {} })
  const { id: sessionId } = created.json().data
  for (const path of ['', `/${sessionId}`, `/${sessionId}/messages`]) {
    t.equal((await app.inject({ url: `/api/v1/sessions${path}`, headers })).statusCode, 200, path)
  }
  const operator = { authorization: `Bearer ${app.env.ADMIN_TOKEN[0]}` }
  t.equal((await app.inject({ url: `/api/v1/runtime/metrics/${id}`, headers: operator })).statusCode, 200)

  const samples = parseMetrics((await app.inject('/metrics')).body)
  const reads = (reason: string) => sumOf([samples], `db_reads_total{reason="${reason}"}`)
  t.equal(reads('caught_up'), 0)
  t.ok(reads('not_a_replica') + reads('failed') >= 2, 'each kind of connections has looked')
  t.equal(sumOf([samples], 'db_reads_total'), 4, 'every read is counted')
  t.equal(app.reads.isResting, true)
})
