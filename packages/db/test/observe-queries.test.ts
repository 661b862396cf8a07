import { sql } from 'kysely'
import t from 'tap'
import { createDatabase, createTurnWriter, findAgent, isMigrated, listSessions } from '../src/index.ts'
import { operationOf } from '../src/observe-queries.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { endOf, newTurn } from './helpers/turns.ts'

const STATEMENTS: readonly (readonly [sql: string, operation: string])[] = [
  ['select "id" from "api_keys" inner join "organizations" on true', 'auth'],
  ['insert into "tool_calls" ("id") values ($1)', 'tool_calls'],
  ['update "sessions" set "title" = $1', 'sessions'],
  ['delete\n  from service_instances where seen_at < now()', 'instances'],
  ['lock table only messages in share mode', 'other'],
  ['select count(*) from ONLY messages', 'messages'],
  ['begin', 'other'],
  ['select 1', 'other'],
  ['select * from pg_stat_activity', 'other'],
  ['select * from constructor', 'other']
]

t.test('a statement belongs to the group of the first table that it names', (t) => {
  for (const [statement, operation] of STATEMENTS) t.equal(operationOf(statement), operation, statement)
  t.end()
})

t.test('every round trip is told with its group and its time, also when it fails', async (t) => {
  const database = await openTestDatabase(t, { max: 2 })
  const organization = await addOrganization(database)
  const seen: string[] = []
  const onQuery = (operation: string, seconds: number) => {
    t.ok(seconds >= 0 && seconds < 60, `${operation}: ${seconds}`)
    seen.push(operation)
  }
  const { url } = database
  const handle = createDatabase({ url, max: 2, applicationName: 'observed', connectionTimeoutMs: 10_000, onQuery })
  t.teardown(() => handle.close())
  await isMigrated(handle.db)
  await findAgent(handle.db, organization.orgId, 'default')
  await listSessions(handle.db, organization.orgId, null, { limit: 1 })
  await t.rejects(sql`select * from executions where no_such_column`.execute(handle.db))
  t.strictSame(seen.splice(0), ['ready', 'agents', 'sessions', 'executions'])

  const writer = createTurnWriter(handle.pool, { onQuery })
  const turn = newTurn(organization)
  await writer.accept(turn)
  await writer.saveProgress({ ...turn, messageId: turn.assistantMessageId, content: 'so far', lastSeq: 3 })
  await writer.finish(endOf(turn))
  await writer.close()
  t.strictSame(seen, ['accept_turn', 'save_progress', 'finish_turn'])
})
