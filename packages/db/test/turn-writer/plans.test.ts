import pg from 'pg'
import t, { type Test } from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { createTurnWriter } from '../../src/index.ts'
import { addOrganization, openTestDatabase } from '../helpers/test-database.ts'
import { endOf, newTurn } from '../helpers/turns.ts'

/** The only ways into a table that a turn may take, and the columns that each has to be entered by. */
const ALLOWED: [index: RegExp, columns: string[]][] = [
  [/^sessions_pkey$/, ['org_id', 'id']],
  [/^executions_pkey$/, ['org_id', 'id']],
  [/^executions_running_key$/, ['org_id', 'session_id']],
  [/^idempotency_keys_pkey$/, ['org_id', 'key']],
  [/^messages_\w+_session_id_seq_idx$/, ['session_id', 'seq']],
  [/^messages_\w+_pkey$/, ['org_id', 'id', 'created_at']]
]

const database = await openTestDatabase(t)
const { db, url } = database
const organization = await addOrganization(database)
const { orgId } = organization

/** Runs every statement of a turn on a new connection and gives the plans that its functions use. */
async function explainTurns(): Promise<string[]> {
  const plans: string[] = []
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pool.on('connect', (client) => client.on('notice', ({ message }) => plans.push(message ?? '')))
  await pool.query("load 'auto_explain'")
  await pool.query(`set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
    set auto_explain.log_level = notice; set client_min_messages = notice`)
  const writer = createTurnWriter(pool)
  const idempotency = () => ({ key: uuidv7(), requestHash: 'h' })
  const first = newTurn(organization, { idempotency: idempotency() })
  const second = newTurn(organization, { sessionId: first.sessionId, idempotency: idempotency() })
  await writer.accept(first)
  await writer.accept(second)
  await writer.accept({ ...newTurn(organization), idempotency: first.idempotency })
  const { executionId } = first
  const messageId = uuidv7()
  await writer.saveProgress({ executionId, orgId, messageId: first.assistantMessageId, content: 'a' })
  await writer.saveProgress({ executionId, orgId, messageId, content: 'b' })
  await writer.finish(endOf(first, { messageId }))
  await writer.finish(endOf(first))
  await writer.accept(second)
  const undo = {
    org_id: orgId,
    session_id: second.sessionId,
    execution_id: second.executionId,
    idempotency_key: 'none'
  }
  await pool.query('select semibot_undo_accept_v1($1)', [JSON.stringify([{ ...undo, new_session: false }])])
  await writer.close()
  await pool.end()
  return plans
}

/** Every scan of a table in a plan: the index, if any, and its condition. */
function scansOf(plan: string): { table: string; index: string | undefined; condition: string }[] {
  const lines = plan.split('\n')
  return lines.flatMap((line, number) => {
    const scan = /(?<kind>\w[\w ]*) Scan(?: Backward)?(?: using (?<index>\w+))? on (?<table>\w+)/.exec(line)?.groups
    if (
      !scan ||
      /^(Function|CTE)$/.test(scan.kind ?? '') ||
      scan.table === undefined ||
      /^(x|k|keys|known|locked|pair|running|turn)$/.test(scan.table)
    )
      return []
    return [{ table: scan.table, index: scan.index, condition: lines[number + 1] ?? '' }]
  })
}

async function checkPlans(t: Test, minimum: number): Promise<void> {
  const scans = (await explainTurns()).flatMap(scansOf)
  const bad = scans.filter(({ index = '', condition }) => {
    // The row was found by its key before, and is locked.
    if (index === '' && /TID Cond: .*ctid/.test(condition)) return false
    const columns = ALLOWED.find(([name]) => name.test(index))?.[1]
    return !columns?.every((column) => new RegExp(`Index Cond:.*\\W${column} `).test(condition))
  })
  t.strictSame(bad, [])
  t.ok(scans.length >= minimum, `${scans.length} scans were seen`)
}

t.test('in a new database each look-up of a turn enters its table by the whole key', async (t) => {
  await checkPlans(t, 20)
})

t.test('so it does with statistics that make every index look the same', async (t) => {
  const id = () => uuidv7()
  for (let index = 0; index < 60; index++) {
    const org_id = id()
    const session = { org_id, id: id(), agent_id: id() }
    await db.insertInto('sessions').values(session).execute()
    const ids = { id: id(), session_id: session.id, user_message_id: id(), assistant_message_id: id() }
    const execution = {
      org_id,
      ...ids,
      agent_id: id(),
      owner: 'x',
      seq: 1,
      status: 'completed',
      ended_at: new Date()
    } as const
    await db.insertInto('executions').values(execution).execute()
  }
  await database.pool.query('analyze')
  await checkPlans(t, 20)
})

t.test('so it does while the server believes that the tables are empty', async (t) => {
  for (const table of ['executions', 'sessions', 'messages', 'idempotency_keys']) {
    await database.pool.query(`delete from ${table}`)
    await database.pool.query(`vacuum analyze ${table}`)
  }
  await checkPlans(t, 20)
})
