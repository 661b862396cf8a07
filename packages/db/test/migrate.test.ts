import { createTestDatabase } from '@semibot/stack/test'
import { sql } from 'kysely'
import t from 'tap'
import { createDatabase, isMigrated, listPartitions, migrateToLatest, migrationStatus } from '../src/index.ts'
import { MIGRATIONS } from '../src/migrations/index.ts'
import type { Scope } from './helpers/test-database.ts'

const NAMES = Object.keys(MIGRATIONS)

async function openEmpty(t: Scope) {
  const url = await createTestDatabase(t, { migrated: false })
  const handle = createDatabase({ url, max: 2, applicationName: 'migrate', connectionTimeoutMs: 10_000 })
  t.teardown(() => handle.close())
  return { url, db: handle.db }
}

t.test('an empty database knows that nothing has run, a migrated one that all has', async (t) => {
  const { url, db } = await openEmpty(t)
  t.equal(await isMigrated(db), false)
  t.strictSame(
    await migrationStatus(db),
    NAMES.map((name) => ({ name, executedAt: null }))
  )
  const progress: string[] = []
  t.strictSame(await migrateToLatest(url, { onProgress: (message) => progress.push(message) }), NAMES)
  t.strictSame(
    progress.filter((message) => message.startsWith('migration')),
    NAMES.map((name) => `migration ${name}`)
  )
  t.equal(await isMigrated(db), true)
  t.match(
    await migrationStatus(db),
    NAMES.map((name) => ({ name, executedAt: Date }))
  )
  t.equal((await listPartitions(db)).length, 4, 'this month and three more')
})

t.test('five processes that migrate at once do the work once', async (t) => {
  const { url, db } = await openEmpty(t)
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrateToLatest(url)))
  t.equal(applied.filter((names) => names.length > 0).length, 1)
  t.equal(await isMigrated(db), true)
})

t.test('a database that a newer release has migrated is good, and left alone', async (t) => {
  const { url, db } = await openEmpty(t)
  await migrateToLatest(url)
  await sql`insert into kysely_migration (name, timestamp) values ('9999_future', now()::text)`.execute(db)
  t.equal(await isMigrated(db), true)
  t.strictSame(await migrateToLatest(url), [])
})

t.test('a migration that fails is named and leaves nothing of the run', async (t) => {
  const { url, db } = await openEmpty(t)
  await sql`create table messages (in_the_way integer)`.execute(db)
  await t.rejects(migrateToLatest(url), /^migration 0002_messages: relation "messages" already exists$/)
  const { rows } = await sql<{ gone: boolean }>`select to_regclass('organizations') is null as gone`.execute(db)
  t.strictSame(rows, [{ gone: true }])
  t.equal(await isMigrated(db), false)
})
