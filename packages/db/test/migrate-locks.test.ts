import { waitFor } from '@semibot/stack'
import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createTurnWriter, ensurePartitions, migrateToLatest } from '../src/index.ts'
import { MIGRATIONS } from '../src/migrations/index.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { runTurn } from './helpers/turns.ts'

const database = await openTestDatabase(t)
const organization = await addOrganization(database)
const writer = createTurnWriter(database.pool)
t.teardown(() => writer.close())

/** A release whose last migration needs the table of sessions for itself, for an instant. */
function releaseWith(column: string): Record<string, Migration> {
  const addColumn = {
    up: async (db: Parameters<Migration['up']>[0]) => {
      await sql`alter table sessions add column ${sql.ref(column)} integer`.execute(db)
    }
  }
  return { ...MIGRATIONS, [`9999_${column}`]: addColumn }
}

/** Somebody, such as a backup or a report, who reads a table for as long as the test likes. */
async function readForLong(t: Test, table: string) {
  const client = new pg.Client(database.url)
  await client.connect()
  t.teardown(() => client.end())
  await client.query('begin')
  await client.query(`select from ${table} limit 1`)
  return { leave: () => client.query('commit') }
}

/** Turns, one after the other, until it is stopped; any that fails makes `stop` reject. */
function chatAllTheTime() {
  let [on, turns, slowestMs] = [true, 0, 0]
  const running = (async () => {
    while (on) {
      const startedAt = performance.now()
      await runTurn(writer, organization)
      slowestMs = Math.max(slowestMs, performance.now() - startedAt)
      turns++
    }
  })()
  const stop = async () => {
    on = false
    await running
    return { turns, slowestMs }
  }
  return { stop, turns: () => turns }
}

async function hasColumn(column: string): Promise<boolean> {
  const { rows } = await sql`
    select from information_schema.columns where table_name = 'sessions' and column_name = ${column}`.execute(
    database.db
  )
  return rows.length > 0
}

t.test('a migration that cannot have its table gives up in the end, names itself, and leaves nothing', async (t) => {
  const reader = await readForLong(t, 'sessions')
  const chats = chatAllTheTime()
  await t.rejects(
    migrateToLatest(database.url, { migrations: releaseWith('given_up'), giveUpMs: 0 }),
    /^migration 9999_given_up: database timeout: canceling statement due to lock timeout$/
  )
  t.ok((await chats.stop()).turns > 0)
  t.equal(await hasColumn('given_up'), false)
  await reader.leave()
})

t.test('until then it gives way again and again, and chats go on', async (t) => {
  const reader = await readForLong(t, 'sessions')
  const chats = chatAllTheTime()
  const progress: string[] = []
  const migrating = migrateToLatest(database.url, {
    migrations: releaseWith('patient'),
    onProgress: (text) => progress.push(text)
  })
  await waitFor(() => progress.length >= 2, { what: 'the migration to give way twice' })
  t.match(progress, ['another transaction holds a table: trying again'])
  const before = chats.turns()
  await waitFor(() => chats.turns() > before, { what: 'a chat between two tries' })
  await reader.leave()
  t.strictSame(await migrating, ['9999_patient'], 'it is done as soon as the table is free')
  t.equal(await hasColumn('patient'), true)
  // A turn fails when it waits for a lock for 2 s: that none did says that no try lasted that long.
  const { turns, slowestMs } = await chats.stop()
  t.comment(`${turns} turns, the slowest took ${Math.round(slowestMs)} ms`)
})

t.test('a new month that cannot have the default partition gives up soon, and chats go on', async (t) => {
  const reader = await readForLong(t, 'messages_default')
  const chats = chatAllTheTime()
  const inAYear = new Date(Date.now() + 365 * 86_400_000)
  await t.rejects(ensurePartitions(database.db, 0, inAYear), { code: 'DATABASE_TIMEOUT' })
  t.ok((await chats.stop()).turns > 0)
  await reader.leave()
  const { created } = await ensurePartitions(database.db, 0, inAYear)
  t.equal(created.length, 1, 'the next run makes it')
})
