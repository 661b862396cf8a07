import { waitFor } from '@semibot/stack/test'
import pg from 'pg'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { createTurnWriter, DatabaseTimeoutError, findExecution, listMessages } from '../../src/index.ts'
import { addOrganization, openTestDatabase } from '../helpers/test-database.ts'
import { endOf, newTurn, runTurn } from '../helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool, url } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())
const organization = await addOrganization(database)
const { orgId } = organization

async function messagesOf(sessionId: string) {
  const page = await listMessages(db, orgId, null, sessionId, { limit: 100 })
  return page?.items.reverse() ?? []
}

t.test('finish stores the answer and the figures of the execution', async (t) => {
  const turn = newTurn(organization)
  await writer.accept(turn)
  const end = endOf(turn, { mode: 'runtime_orchestrator', attempts: 2, fallbackReason: 'unavailable', lastSeq: 17 })
  t.equal(await writer.finish(end), true)

  t.match(await findExecution(db, orgId, null, turn.executionId), {
    status: 'completed',
    mode: 'runtime_orchestrator',
    attempts: 2,
    model: 'simulator',
    finishReason: 'stop',
    usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8 },
    lastSeq: 17,
    error: null,
    fallbackReason: 'unavailable',
    latencyMs: 120,
    firstTokenMs: 30,
    content: 'Answer to Hello',
    endedAt: Date
  })
  t.match((await messagesOf(turn.sessionId))[1], {
    id: turn.assistantMessageId,
    seq: 2,
    role: 'assistant',
    status: 'complete',
    content: 'Answer to Hello',
    executionId: turn.executionId,
    parentId: turn.userMessageId
  })
})

t.test('a failed execution keeps its error and what was said until then', async (t) => {
  const error = { code: 'LLM_UNAVAILABLE', message: 'the model did not answer' }
  const turn = await runTurn(
    writer,
    organization,
    {},
    { status: 'failed', messageStatus: 'partial', content: 'So far', error, usage: undefined, finishReason: undefined }
  )
  t.match(await findExecution(db, orgId, null, turn.executionId), {
    status: 'failed',
    error,
    usage: null,
    finishReason: null,
    content: 'So far'
  })
})

t.test('an answer with characters that the database cannot store is stored with U+FFFD in their place', async (t) => {
  const turn = newTurn(organization)
  await writer.accept(turn)
  const progress = { executionId: turn.executionId, orgId, messageId: turn.assistantMessageId }
  t.equal(await writer.saveProgress({ ...progress, content: 'half an emoji \ud83d' }), true)
  t.equal((await messagesOf(turn.sessionId))[1]?.content, 'half an emoji \ufffd')
  const error = { code: 'LLM_UNAVAILABLE', message: 'cut \0' }
  await writer.finish(endOf(turn, { content: 'nul \0, emoji 😀', error }))
  t.match(await findExecution(db, orgId, null, turn.executionId), {
    content: 'nul \ufffd, emoji 😀',
    error: { message: 'cut \ufffd' }
  })
})

t.test('an execution is finished once: the second call is told so and changes nothing', async (t) => {
  const turn = await runTurn(writer, organization)
  t.equal(await writer.finish(endOf(turn, { content: 'Another answer' })), false)
  t.equal((await findExecution(db, orgId, null, turn.executionId))?.content, 'Answer to Hello')
})

t.test('an execution of another organisation cannot be finished', async (t) => {
  const other = await addOrganization(database)
  const turn = newTurn(organization)
  await writer.accept(turn)
  t.equal(await writer.finish(endOf(turn, { orgId: other.orgId })), false)
  t.equal(await writer.saveProgress({ ...turn, orgId: other.orgId, messageId: turn.assistantMessageId }), false)
  t.match(await findExecution(db, orgId, null, turn.executionId), { status: 'running', content: null })
})

t.test('progress is stored as streaming, then replaced by the final answer in the same row', async (t) => {
  const turn = newTurn(organization)
  await writer.accept(turn)
  const progress = { executionId: turn.executionId, orgId, messageId: turn.assistantMessageId }
  t.equal(await writer.saveProgress({ ...progress, content: 'Once' }), true)
  t.equal(await writer.saveProgress({ ...progress, content: 'Once upon', lastSeq: 3 }), true)
  t.match((await messagesOf(turn.sessionId))[1], { status: 'streaming', content: 'Once upon', seq: 2 })

  await writer.finish(endOf(turn, { content: 'Once upon a time' }))
  t.equal(await writer.saveProgress({ ...progress, content: 'Once' }), false, 'late progress is refused')
  const messages = await messagesOf(turn.sessionId)
  t.equal(messages.length, 2)
  t.match(messages[1], { status: 'complete', content: 'Once upon a time', id: turn.assistantMessageId })
})

t.test('an answer that was retracted leaves nothing beside the one that replaced it', async (t) => {
  const turn = newTurn(organization)
  await writer.accept(turn)
  const second = uuidv7()
  const third = uuidv7()
  const { executionId } = turn
  await writer.saveProgress({ executionId, orgId, messageId: turn.assistantMessageId, content: 'first' })
  await writer.saveProgress({ executionId, orgId, messageId: second, content: 'second' })
  t.strictSame(
    (await messagesOf(turn.sessionId)).map(({ id, content }) => [id, content]),
    [
      [turn.userMessageId, 'Hello'],
      [second, 'second']
    ]
  )
  await writer.finish(endOf(turn, { messageId: third, content: 'third' }))
  t.strictSame(
    (await messagesOf(turn.sessionId)).map(({ id, content, seq }) => [id, content, seq]),
    [
      [turn.userMessageId, 'Hello', 1],
      [third, 'third', 2]
    ]
  )
  t.match(await findExecution(db, orgId, null, executionId), { messageId: third, content: 'third' })
})

t.test('of several answers so far that wait, only the latest is written, and all callers learn of it', async (t) => {
  const turn = newTurn(organization)
  await writer.accept(turn)
  const progress = { executionId: turn.executionId, orgId, messageId: turn.assistantMessageId }
  const contents = Array.from({ length: 50 }, (_, index) => 'word '.repeat(index + 1))
  const saves = contents.map((content) => writer.saveProgress({ ...progress, content }))
  t.equal(writer.queueLength, 1)
  t.ok((await Promise.all(saves)).every(Boolean))
  t.equal((await messagesOf(turn.sessionId))[1]?.content, contents.at(-1))
})

t.test('finish waits until the table is free again, so that no session stays busy', async (t) => {
  const turn = newTurn(organization)
  await writer.accept(turn)
  const own = new pg.Pool({ connectionString: url, max: 1, application_name: 'waits', lock_timeout: 100 })
  const patient = createTurnWriter(own)
  t.teardown(() => own.end())
  t.teardown(() => patient.close())

  const holder = new pg.Client(url)
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('begin')
  await holder.query('lock table messages in access exclusive mode')
  const impatient = createTurnWriter(own, { finishRetryMs: 0 })
  await t.rejects(impatient.finish(endOf(turn)), DatabaseTimeoutError)
  await impatient.close()

  let over = false
  const finished = patient.finish(endOf(turn)).finally(() => {
    over = true
  })
  const waiting = async () => {
    const { rows } = await pool.query(
      `select query_start from pg_stat_activity
       where datname = current_database() and application_name = 'waits' and wait_event_type = 'Lock'`
    )
    return rows[0]?.query_start?.getTime() as number | undefined
  }
  const first = await waitFor(waiting, { what: 'the finish to wait for the lock' })
  await waitFor(async () => ((await waiting()) ?? first) > first, { what: 'the finish to be tried again' })
  t.equal(over, false)
  await holder.query('rollback')
  t.equal(await finished, true)
  t.match(await findExecution(db, turn.orgId, null, turn.executionId), { status: 'completed' })
})

t.test('two answers under one id end both executions', async (t) => {
  const [first, second] = [newTurn(organization), newTurn(organization)]
  await Promise.all([writer.accept(first), writer.accept(second)])
  const messageId = uuidv7()
  const ends = await Promise.all(
    [first, second].map((turn, index) => writer.finish(endOf(turn, { messageId, content: `answer ${index}` })))
  )
  t.strictSame(ends, [true, true])
})
