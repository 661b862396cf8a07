import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { type AcceptResult, createTurnWriter, type TurnWriter } from '../../src/index.ts'
import { addOrganization, openTestDatabase } from '../helpers/test-database.ts'
import { endOf, newTurn, runTurn } from '../helpers/turns.ts'

const database = await openTestDatabase(t, { max: 20 })
const { db, pool } = database
// As two api processes would: each groups only its own calls.
const writers = [createTurnWriter(pool), createTurnWriter(pool)] as const
t.teardown(() => Promise.all(writers.map((writer) => writer.close())))
const organization = await addOrganization(database)
const { orgId } = organization

function writerOf(index: number): TurnWriter {
  return writers[index % 2] as TurnWriter
}

function countKinds(results: AcceptResult[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of results) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

t.test('ten identical calls with one idempotency key start one execution', async (t) => {
  const idempotency = { key: 'same', requestHash: 'h' }
  const turns = Array.from({ length: 10 }, () => newTurn(organization, { idempotency }))
  const results = await Promise.all(turns.map((turn, index) => writerOf(index).accept(turn)))
  t.strictSame(countKinds(results), { accepted: 1, replay: 9 })

  const accepted = turns[results.findIndex(({ kind }) => kind === 'accepted')]
  for (const result of results) {
    if (result.kind === 'replay') t.equal(result.executionId, accepted?.executionId)
  }
  const sessionIds = turns.map((turn) => turn.sessionId)
  const sessions = await db.selectFrom('sessions').select('id').where('id', 'in', sessionIds).execute()
  t.strictSame(sessions, [{ id: accepted?.sessionId }])
})

t.test('of twenty messages to one session one is accepted, the others are told which execution runs', async (t) => {
  const { sessionId } = await runTurn(writers[0], organization)
  const turns = Array.from({ length: 20 }, () => newTurn(organization, { sessionId }))
  const results = await Promise.all(turns.map((turn, index) => writerOf(index).accept(turn)))
  t.strictSame(countKinds(results), { accepted: 1, session_busy: 19 })

  const accepted = turns[results.findIndex(({ kind }) => kind === 'accepted')]
  for (const result of results) {
    if (result.kind === 'session_busy') t.equal(result.executionId, accepted?.executionId)
  }
})

t.test('sessions that are used by many callers at once have gap-free sequence numbers', async (t) => {
  const sessions = await Promise.all(Array.from({ length: 4 }, () => runTurn(writers[0], organization)))
  const TURNS = 15

  async function chat(worker: number, sessionId: string): Promise<void> {
    const writer = writerOf(worker)
    for (let done = 0; done < TURNS; ) {
      const turn = newTurn(organization, { sessionId })
      const result = await writer.accept(turn)
      if (result.kind !== 'accepted') continue
      if (done % 3 === 0) {
        await writer.saveProgress({
          executionId: turn.executionId,
          orgId,
          messageId: turn.assistantMessageId,
          content: ''
        })
      }
      await writer.finish(endOf(turn))
      done++
    }
  }
  await Promise.all(sessions.flatMap(({ sessionId }, index) => [chat(index, sessionId), chat(index + 1, sessionId)]))

  for (const { sessionId } of sessions) {
    const rows = await db
      .selectFrom('messages')
      .select(['seq', 'role'])
      .where('session_id', '=', sessionId)
      .orderBy('seq')
      .execute()
    const expected = Array.from({ length: 2 * (2 * TURNS + 1) }, (_, index) => ({
      seq: index + 1,
      role: index % 2 === 0 ? 'user' : 'assistant'
    }))
    t.strictSame(rows, expected)
  }
})

t.test('of ten calls that finish one execution exactly one does', async (t) => {
  const turn = newTurn(organization)
  await writers[0].accept(turn)
  const finished = await Promise.all(
    Array.from({ length: 10 }, (_, index) => writerOf(index).finish(endOf(turn, { content: `answer ${index}` })))
  )
  t.equal(finished.filter(Boolean).length, 1)
  const { content } = await db
    .selectFrom('messages')
    .select('content')
    .where('id', '=', turn.assistantMessageId)
    .executeTakeFirstOrThrow()
  t.equal(content, `answer ${finished.indexOf(true)}`)
})

t.test('calls that arrive together share transactions', async (t) => {
  const turns = Array.from({ length: 64 }, () => newTurn(organization))
  await Promise.all(turns.map((turn) => writers[0].accept(turn)))
  const { rows } = await pool.query(
    'select count(distinct xmin::text) as commits, count(*) as rows from executions where id = any($1)',
    [turns.map((turn) => turn.executionId)]
  )
  t.equal(rows[0].rows, 64)
  t.ok(rows[0].commits <= 2, `${rows[0].commits} commits for 64 turns`)
})

t.test('batches of two processes over the same sessions and keys, in opposite order, do not deadlock', async (t) => {
  const sessions = await Promise.all(Array.from({ length: 20 }, () => runTurn(writers[0], organization)))
  const deadlocksBefore = await countDeadlocks()
  for (let round = 0; round < 10; round++) {
    const ordered = sessions.map(({ sessionId }, index) => ({ sessionId, key: `r${round}-${index}` }))
    const turns = [...ordered, ...ordered.toReversed()].map(({ sessionId, key }) =>
      newTurn(organization, { sessionId, idempotency: { key, requestHash: key } })
    )
    const results = await Promise.all(turns.map((turn, index) => writerOf(index < 20 ? 0 : 1).accept(turn)))
    t.strictSame(countKinds(results), { accepted: 20, replay: 20 })
    const accepted = turns.filter((_, index) => results[index]?.kind === 'accepted')
    await Promise.all(accepted.map((turn, index) => writerOf(index).finish(endOf(turn))))
  }
  t.equal(await countDeadlocks(), deadlocksBefore)
})

t.test('rows that another transaction has moved meanwhile are found where they are then', async (t) => {
  const begun = newTurn(organization)
  await writers[0].accept(begun)
  const { sessionId } = await runTurn(writers[0], organization)
  const next = newTurn(organization, { sessionId })

  const holder = await pool.connect()
  t.teardown(() => holder.release())
  await holder.query('begin')
  const elsewhere = uuidv7()
  await holder.query('update executions set assistant_message_id = $1 where id = $2', [elsewhere, begun.executionId])
  await holder.query('update sessions set next_seq = next_seq + 2, title = $1 where id = $2', ['moved', sessionId])
  const finished = writers[0].finish(endOf(begun, { messageId: elsewhere }))
  const accepted = writers[1].accept(next)
  const blocked = async () => {
    const { rows } = await pool.query(
      `select count(*)::int as waiting from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`
    )
    return rows[0].waiting === 2
  }
  await waitFor(blocked, { what: 'both calls to wait for the rows' })
  await holder.query('commit')

  t.equal(await finished, true)
  t.match(await accepted, { kind: 'accepted' })
  const { rows } = await pool.query(
    `select (select status from executions where id = $1) as status, (select content from messages where id = $2) as answer,
       (select seq::int from executions where id = $3) as seq, (select next_seq::int from sessions where id = $4) as next_seq`,
    [begun.executionId, elsewhere, next.executionId, sessionId]
  )
  t.strictSame(rows, [{ status: 'completed', answer: endOf(begun).content, seq: 5, next_seq: 7 }])
})

async function countDeadlocks(): Promise<number> {
  const { rows } = await pool.query('select deadlocks from pg_stat_database where datname = current_database()')
  return rows[0].deadlocks
}
