import { sql } from 'kysely'
import pg from 'pg'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { createTurnWriter } from '../src/index.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { runTurn } from './helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool } = database

t.test('the CREATE INDEX commands of the operations document answer that the index is there', async (t) => {
  for (const command of [
    'CREATE INDEX idx_sessions_org_id ON sessions(org_id);',
    'CREATE INDEX idx_messages_session_id ON messages(session_id);'
  ]) {
    const error: unknown = await pool.query(command).catch((reason: unknown) => reason)
    t.ok(error instanceof pg.DatabaseError)
    t.match(error, { code: '42P07', message: /^relation "idx_\w+" already exists$/ })
  }
})

t.test('these indexes begin with the columns of the document', async (t) => {
  const { rows } = await sql<{ name: string; column: string }>`
    select i.indexrelid::regclass::text as name, a.attname as column
    from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indexrelid::regclass::text in ('idx_sessions_org_id', 'idx_messages_session_id') order by 1`.execute(db)
  t.strictSame(rows, [
    { name: 'idx_messages_session_id', column: 'session_id' },
    { name: 'idx_sessions_org_id', column: 'org_id' }
  ])
})

t.test('the DELETE of the operations document removes what is older than 30 days, from every partition', async (t) => {
  const organization = await addOrganization(database)
  const writer = createTurnWriter(pool)
  t.teardown(() => writer.close())
  const DAY_MS = 86_400_000
  for (const daysAgo of [400, 31, 29, 0]) {
    const msecs = Date.now() - daysAgo * DAY_MS
    await runTurn(writer, organization, {
      userMessageId: uuidv7({ msecs }),
      assistantMessageId: uuidv7({ msecs })
    })
  }
  const result = await pool.query(`DELETE FROM messages
  WHERE created_at < NOW() - INTERVAL '30 days';`)
  t.equal(result.rowCount, 4)
  const { rows } = await sql`select count(*) as count from messages`.execute(db)
  t.strictSame(rows, [{ count: 4 }])
})

t.test('pg_stat_statements answers where the server has it', async (t) => {
  const { rows } = await sql<{ loaded: boolean }>`
    select 'pg_stat_statements' = any(string_to_array(current_setting('shared_preload_libraries'), ',')) as loaded
  `.execute(db)
  const query = pool.query(`SELECT query, calls, mean_exec_time
      FROM pg_stat_statements
      ORDER BY mean_exec_time DESC
      LIMIT 10`)
  if (rows[0]?.loaded) t.ok((await query).rows.length > 0)
  else await t.rejects(query, /shared_preload_libraries|does not exist/)
})
