import { waitFor } from '@semibot/stack/test'
import pg from 'pg'
import t from 'tap'
import { type AcceptTurn, AlreadyExistsError, createTurnWriter, findExecution } from '../../src/index.ts'
import { acceptStatement } from '../../src/turn-writer/accept-statement.ts'
import { AcceptUndoer } from '../../src/turn-writer/undo-accepts.ts'
import { addOrganization, openTestDatabase } from '../helpers/test-database.ts'
import { newTurn, runTurn } from '../helpers/turns.ts'

// A statement whose connection broke goes on in the server: what was not there a moment ago may be committed yet.

const database = await openTestDatabase(t)
const { db, pool, url } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())
const organization = await addOrganization(database)
const { orgId } = organization

async function countMessages(turn: AcceptTurn): Promise<number> {
  const rows = await db.selectFrom('messages').select('id').where('session_id', '=', turn.sessionId).execute()
  return rows.length
}

t.test('the repetition of an accept waits for the first one and finds it', async (t) => {
  const { sessionId } = await runTurn(writer, organization)
  const key = { key: 'late', requestHash: 'h' }
  for (const [name, turn, stored] of [
    ['a new session', newTurn(organization), 1],
    ['an existing session', newTurn(organization, { sessionId }), 3],
    ['an idempotency key', newTurn(organization, { idempotency: key }), 1]
  ] as const) {
    const slow = new pg.Pool({ connectionString: url, max: 1 })
    await slow.query('begin')
    t.match(await acceptStatement(slow, [turn], false), [{ kind: 'accepted' }], name)
    const repeated = acceptStatement(pool, [turn], true)
    await waitFor(
      async () => {
        const { rows } = await pool.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return rows.length > 0
      },
      { what: 'the repetition to wait' }
    )
    await slow.query('commit')
    await slow.end()
    t.match(await repeated, [{ kind: 'accepted', agentId: organization.agentId }], name)
    t.equal(await countMessages(turn), stored, name)
  }
})

t.test('the repetition of an accept that was rolled back stores it', async (t) => {
  const { sessionId } = await runTurn(writer, organization)
  const turns = [newTurn(organization), newTurn(organization, { sessionId })] as const
  t.match(await acceptStatement(pool, [...turns], true), [{ kind: 'accepted' }, { kind: 'accepted' }])
  t.equal(await countMessages(turns[0]), 1)
  t.equal(await countMessages(turns[1]), 3)
})

t.test('the repetition of an accept that is a replay leaves no session behind', async (t) => {
  const idempotency = { key: 'replayed', requestHash: 'h' }
  const first = newTurn(organization, { idempotency })
  await writer.accept(first)
  const second = newTurn(organization, { idempotency })
  t.match(await acceptStatement(pool, [second], true), [{ kind: 'replay', executionId: first.executionId }])
  t.strictSame(await db.selectFrom('sessions').select('id').where('id', '=', second.sessionId).execute(), [])
})

t.test("the repetition of an accept never takes another turn's session", async (t) => {
  const { sessionId } = await runTurn(writer, organization)
  const turn = newTurn(organization, { sessionId, newSession: true, agentId: organization.agentId })
  await t.rejects(acceptStatement(pool, [turn], true), { code: '23505', constraint: 'sessions_pkey' })
  await t.rejects(writer.accept(turn), AlreadyExistsError)
  t.equal(await countMessages(turn), 2)
})

t.test('an accept that is committed after it was looked for is taken back all the same', async (t) => {
  const undoer = new AcceptUndoer(pool)
  t.teardown(() => undoer.close())
  const turn = newTurn(organization)
  undoer.add([turn])
  await undoer.flush()
  t.match(await writer.accept(turn), { kind: 'accepted' })
  await waitFor(async () => (await findExecution(db, orgId, null, turn.executionId)) === undefined, {
    what: 'the late accept to be taken back'
  })
  t.equal(await countMessages(turn), 0)
})

t.test('after a long outage, too; it is looked for until nothing can come any more', async (t) => {
  let now = 0
  let isAway = true
  let looks = 0
  const connect = () => {
    if (isAway) return Promise.reject(new Error('away'))
    looks++
    return pool.connect()
  }
  const undoer = new AcceptUndoer({ connect } as pg.Pool, () => now)
  t.teardown(() => undoer.close())
  const turn = newTurn(organization)
  undoer.add([turn])
  await undoer.flush()
  now = 40_000
  isAway = false
  await undoer.flush()
  t.match(await writer.accept(turn), { kind: 'accepted' })
  now += 9000
  await undoer.flush()
  t.equal(await findExecution(db, orgId, null, turn.executionId), undefined)
  now += 1000
  await undoer.flush()
  const looksSoFar = looks
  await undoer.flush()
  t.equal(looks, looksSoFar, 'nothing waits any more')
})

t.test(
  'an accepted turn can be taken back: its session and its key are free, a turn that has ended stays',
  async (t) => {
    const { sessionId, executionId } = await runTurn(writer, organization)
    const turn = newTurn(organization, { sessionId, idempotency: { key: 'taken-back', requestHash: 'h' } })
    t.match(await writer.accept(turn), { kind: 'accepted' })
    await writer.takeBack(turn)
    t.equal(await findExecution(db, orgId, null, turn.executionId), undefined)
    t.equal(await countMessages(turn), 2, 'those of the turn before')

    const again = { ...newTurn(organization, { sessionId }), idempotency: { key: 'taken-back', requestHash: 'other' } }
    t.match(await runTurn(writer, organization, again), { sessionId })
    await writer.takeBack(again)
    t.match(await findExecution(db, orgId, null, again.executionId), { status: 'completed' })
    t.match(await findExecution(db, orgId, null, executionId), { status: 'completed' })
    t.equal(await countMessages(turn), 4)
  }
)
