import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import {
  createSession,
  createTurnWriter,
  deleteSession,
  ensureUser,
  findExecution,
  findRunningExecution,
  getSession,
  InvalidCursorError,
  listMessages,
  listSessions,
  renameSession,
  type Session,
  searchMessages
} from '../src/index.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { newTurn, runTurn } from './helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())

t.test('a session is created, renamed and found again', async (t) => {
  const { orgId, agentId } = await addOrganization(database)
  const session = await createSession(db, orgId, { agentId, userId: null })
  t.match(session, { agentId, userId: null, title: null, status: 'active', createdAt: Date, updatedAt: Date })
  t.strictSame(await getSession(db, orgId, null, session.id), session)
  t.match(await renameSession(db, orgId, null, session.id, '退款'), { id: session.id, title: '退款' })
  t.match(await renameSession(db, orgId, null, session.id, null), { title: null })
  t.equal(await renameSession(db, orgId, null, uuidv7(), 'x'), undefined)
})

t.test('the pages of a list give every session once, newest first, also with equal times', async (t) => {
  const { orgId, agentId } = await addOrganization(database)
  const ann = await ensureUser(db, orgId, 'ann')
  const at = new Date('2026-01-01T00:00:00.123Z')
  const created: Session[] = []
  for (let index = 0; index < 7; index++) {
    created.push(await createSession(db, orgId, { agentId, userId: index % 2 === 0 ? ann : null }))
  }
  await db.updateTable('sessions').set({ created_at: at }).where('org_id', '=', orgId).execute()

  for (const [userScope, expected] of [
    [null, created.map(({ id }) => id)],
    [ann, created.filter(({ userId }) => userId === ann).map(({ id }) => id)]
  ] as const) {
    for (const limit of [1, 2, 3, 7, 100]) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await listSessions(db, orgId, userScope, { limit, cursor })
        t.ok(page.items.length <= limit)
        seen.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      t.strictSame(seen, expected.toReversed(), `limit ${limit}`)
    }
  }
})

t.test('a cursor of another list is refused', async (t) => {
  const organization = await addOrganization(database)
  const { orgId } = organization
  const { sessionId } = await runTurn(writer, organization)
  await runTurn(writer, organization)
  const sessions = await listSessions(db, orgId, null, { limit: 1 })
  const messages = await listMessages(db, orgId, null, sessionId, { limit: 1 })
  const ofSessions = sessions.nextCursor ?? ''
  const ofMessages = messages?.nextCursor ?? ''
  t.ok(ofSessions !== '' && ofMessages !== '')
  await t.rejects(listSessions(db, orgId, null, { limit: 1, cursor: ofMessages }), InvalidCursorError)
  await t.rejects(listMessages(db, orgId, null, sessionId, { limit: 1, cursor: ofSessions }), InvalidCursorError)
  t.match(await listMessages(db, orgId, null, sessionId, { limit: 1, cursor: ofMessages }), {
    items: [{ seq: 1 }],
    nextCursor: null
  })
})

t.test('a deleted session hides its messages, its executions and what a search would find', async (t) => {
  const organization = await addOrganization(database)
  const { orgId } = organization
  const ann = await ensureUser(db, orgId, 'ann')
  const { sessionId, executionId } = await runTurn(writer, organization, {
    content: 'the secret word',
    userId: ann,
    userScope: ann
  })
  t.equal((await searchMessages(db, orgId, ann, 'secret', 10)).length, 2)
  t.equal(await findRunningExecution(db, orgId, sessionId), undefined, 'it has ended')
  const running = newTurn(organization, { sessionId, userId: ann, userScope: ann })
  await writer.accept(running)

  t.equal(await deleteSession(db, orgId, ann, sessionId), true)
  t.equal(await deleteSession(db, orgId, ann, sessionId), false, 'a second time there is nothing to delete')
  for (const user of [null, ann]) {
    t.equal(await getSession(db, orgId, user, sessionId), undefined)
    t.strictSame((await listSessions(db, orgId, user, { limit: 10 })).items, [])
    t.equal(await listMessages(db, orgId, user, sessionId, { limit: 10 }), undefined)
    t.equal(await findExecution(db, orgId, user, executionId), undefined)
    t.strictSame(await searchMessages(db, orgId, user, 'secret', 10), [])
    t.equal(await renameSession(db, orgId, user, sessionId, 'x'), undefined)
  }
  t.equal(await findRunningExecution(db, orgId, sessionId), running.executionId, 'what runs can be cancelled')
})
