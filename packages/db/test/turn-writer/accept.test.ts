import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { AlreadyExistsError, createTurnWriter, deleteSession, ensureUser, findExecution } from '../../src/index.ts'
import { addOrganization, openTestDatabase } from '../helpers/test-database.ts'
import { endOf, newTurn, runTurn } from '../helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())
const organization = await addOrganization(database)
const { orgId, agentId } = organization

async function rowsOf(sessionId: string) {
  return await db.selectFrom('messages').selectAll().where('session_id', '=', sessionId).orderBy('seq').execute()
}

t.test('a new session is stored with its user message and a running execution', async (t) => {
  const turn = newTurn(organization, { content: '你好', clientMessageId: 'c-1' })
  t.strictSame(await writer.accept(turn), { kind: 'accepted', agentId, history: [] })

  const [message, ...others] = await rowsOf(turn.sessionId)
  t.equal(others.length, 0)
  t.match(message, {
    id: turn.userMessageId,
    org_id: orgId,
    execution_id: turn.executionId,
    seq: 1,
    role: 'user',
    content: '你好',
    status: 'complete',
    client_message_id: 'c-1'
  })
  const execution = await findExecution(db, orgId, null, turn.executionId)
  t.match(execution, {
    status: 'running',
    owner: 'api-1',
    messageId: turn.assistantMessageId,
    mode: null,
    content: null
  })
})

t.test("a message's created_at is the time in its id, to the millisecond", async (t) => {
  const at = Date.UTC(2026, 0, 31, 23, 59, 59, 999)
  const turn = await runTurn(writer, organization, {
    userMessageId: uuidv7({ msecs: at }),
    assistantMessageId: uuidv7({ msecs: at + 1 }),
    createdAt: at
  })
  const times = (await rowsOf(turn.sessionId)).map((row) => row.created_at.getTime())
  t.strictSame(times, [at, at + 1])
  t.equal((await findExecution(db, orgId, null, turn.executionId))?.createdAt.getTime(), at)
})

t.test('the turn of an existing session gets the whole turns before it as history, oldest first', async (t) => {
  const { sessionId } = await runTurn(writer, organization, { content: 'one' })
  await runTurn(writer, organization, { sessionId, content: 'two' }, { messageStatus: 'partial' })
  await runTurn(writer, organization, { sessionId, content: 'lost' }, { status: 'failed', messageStatus: 'failed' })
  await runTurn(writer, organization, { sessionId, content: 'empty' }, { content: '' })
  const result = await writer.accept(newTurn(organization, { sessionId, content: 'three' }))
  t.strictSame(result, {
    kind: 'accepted',
    agentId,
    history: [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'Answer to one' },
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'Answer to two' }
    ]
  })
})

t.test('the history is the newest turns that fit the limit, never half a turn', async (t) => {
  const { sessionId } = await runTurn(writer, organization, { content: '1' })
  for (const content of ['2', '3', '4']) await runTurn(writer, organization, { sessionId, content })

  for (const [historyLimit, expected] of [
    [0, []],
    [1, []],
    [2, ['4']],
    [5, ['3', '4']],
    [100, ['1', '2', '3', '4']]
  ] as const) {
    const turn = newTurn(organization, { sessionId, historyLimit })
    const result = await writer.accept(turn)
    await writer.finish(endOf(turn, { content: '' }))
    if (result.kind !== 'accepted') throw new Error(result.kind)
    const questions = result.history.filter(({ role }) => role === 'user').map(({ content }) => content)
    t.strictSame(questions, expected, `limit ${historyLimit}`)
    t.equal(result.history.length, expected.length * 2)
  }
})

t.test('an agent named for one turn answers it without becoming the one of the session', async (t) => {
  const other = uuidv7()
  const { sessionId } = await runTurn(writer, organization)
  const turn = newTurn(organization, { sessionId, agentId: other })
  t.match(await writer.accept(turn), { kind: 'accepted', agentId: other })
  t.equal((await findExecution(db, orgId, null, turn.executionId))?.agentId, other)
  await writer.finish(endOf(turn))
  t.match(await writer.accept(newTurn(organization, { sessionId })), { kind: 'accepted', agentId })
})

t.test('a session that is unknown, deleted, of another user or of another organisation is not found', async (t) => {
  const other = await addOrganization(database)
  const [ann, bob] = await Promise.all([ensureUser(db, orgId, 'ann'), ensureUser(db, orgId, 'bob')])
  const { sessionId } = await runTurn(writer, organization, { userId: ann, userScope: ann })
  const deleted = await runTurn(writer, organization)
  await deleteSession(db, orgId, null, deleted.sessionId)
  const idempotency = { key: 'missing', requestHash: 'h' }

  for (const [name, turn] of [
    ['unknown', newTurn(organization, { sessionId: uuidv7(), idempotency })],
    ['deleted', newTurn(organization, { sessionId: deleted.sessionId, idempotency })],
    ['of another user', newTurn(organization, { sessionId, userId: bob, userScope: bob, idempotency })],
    ['of another organisation', newTurn(other, { sessionId, idempotency })]
  ] as const) {
    t.strictSame(await writer.accept(turn), { kind: 'session_not_found' }, name)
    t.equal(await findExecution(db, turn.orgId, null, turn.executionId), undefined, `${name}: nothing is stored`)
  }
  t.equal((await rowsOf(sessionId)).length, 2)
  const keys = await db.selectFrom('idempotency_keys').select('key').where('key', '=', 'missing').execute()
  t.strictSame(keys, [], 'no idempotency key stays behind')
  t.match(await writer.accept(newTurn(organization, { sessionId, userId: ann, userScope: ann })), { kind: 'accepted' })
})

t.test('a busy session names the execution that runs and keeps nothing of the second call', async (t) => {
  const first = newTurn(organization)
  await writer.accept(first)
  const idempotency = { key: 'busy', requestHash: 'h' }
  const second = newTurn(organization, { sessionId: first.sessionId, idempotency })
  t.strictSame(await writer.accept(second), { kind: 'session_busy', executionId: first.executionId })

  await writer.finish(endOf(first))
  t.match(await writer.accept(second), { kind: 'accepted' }, 'the same call is accepted once the session is free')
  t.strictSame(
    (await rowsOf(first.sessionId)).map((row) => row.seq),
    [1, 2, 3],
    'the refused call has used no sequence number'
  )
})

t.test('an idempotency key is answered with its execution, or refused when the request differs', async (t) => {
  const idempotency = { key: 'k-1', requestHash: 'hash-1' }
  const first = newTurn(organization, { idempotency })
  t.match(await writer.accept(first), { kind: 'accepted' })
  const again = () => writer.accept(newTurn(organization, { idempotency }))
  const replay = {
    kind: 'replay',
    executionId: first.executionId,
    sessionId: first.sessionId,
    messageId: first.assistantMessageId
  }
  t.strictSame(await again(), { ...replay, status: 'running' })
  await writer.finish(endOf(first, { status: 'failed', messageStatus: 'failed' }))
  t.strictSame(await again(), { ...replay, status: 'failed' })

  const different = newTurn(organization, { idempotency: { key: 'k-1', requestHash: 'hash-2' } })
  t.strictSame(await writer.accept(different), { kind: 'idempotency_mismatch' })
  const other = await addOrganization(database)
  t.match(await writer.accept(newTurn(other, { idempotency })), { kind: 'accepted' }, 'keys are per organisation')
})

t.test('an idempotency key is free again after 24 hours', async (t) => {
  const idempotency = { key: 'old', requestHash: 'h' }
  const first = newTurn(organization, { idempotency })
  await writer.accept(first)
  const { expires_at } = await db
    .selectFrom('idempotency_keys')
    .select('expires_at')
    .where('key', '=', 'old')
    .executeTakeFirstOrThrow()
  t.ok(Math.abs(expires_at.getTime() - Date.now() - 86_400_000) < 60_000, 'it expires in 24 hours')

  await db
    .updateTable('idempotency_keys')
    .set({ expires_at: new Date(Date.now() - 1) })
    .where('key', '=', 'old')
    .execute()
  const second = newTurn(organization, { idempotency })
  t.match(await writer.accept(second), { kind: 'accepted' })
  t.match(await writer.accept(newTurn(organization, { idempotency })), {
    kind: 'replay',
    executionId: second.executionId
  })
})

t.test('ids that the database cannot use are refused before a statement', async (t) => {
  const notVersion7 = '3b241101-e2bb-4255-8caf-4136c566a962'
  await t.rejects(writer.accept(newTurn(organization, { userMessageId: notVersion7 })), /^userMessageId: expected/)
  await t.rejects(writer.accept(newTurn(organization, { assistantMessageId: 'x' })), /^assistantMessageId: expected/)
  await t.rejects(writer.accept(newTurn(organization, { agentId: null })), TypeError)
  const turn = newTurn(organization)
  await writer.accept(turn)
  await t.rejects(writer.finish(endOf(turn, { messageId: notVersion7 })), /^messageId: expected/)
  const progress = { executionId: turn.executionId, orgId, messageId: notVersion7, content: '' }
  await t.rejects(writer.saveProgress(progress), /^messageId: expected/)
})

t.test('a new session with the id of another one is an error that stores nothing', async (t) => {
  const { sessionId } = await runTurn(writer, organization)
  const turn = newTurn(organization, { sessionId, newSession: true, agentId })
  await t.rejects(writer.accept(turn), AlreadyExistsError)
  t.equal((await rowsOf(sessionId)).length, 2)
})
