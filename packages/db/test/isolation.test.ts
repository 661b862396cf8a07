import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import * as database from '../src/index.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { endOf, newTurn, runTurn } from './helpers/turns.ts'

const handle = await openTestDatabase(t)
const { db, pool } = handle
const writer = database.createTurnWriter(pool)
t.teardown(() => writer.close())

const ours = await addOrganization(handle)
const theirs = await addOrganization(handle)
const ourUser = await database.ensureUser(db, ours.orgId, 'ann')
const ourOtherUser = await database.ensureUser(db, ours.orgId, 'bob')
const theirUser = await database.ensureUser(db, theirs.orgId, 'ann')
const turn = await runTurn(writer, ours, { content: 'our secret', userId: ourUser, userScope: ourUser })
const running = newTurn(ours, { sessionId: turn.sessionId, userId: ourUser, userScope: ourUser })
await writer.accept(running)
const { executionId, sessionId } = turn
const key = await database.createApiKey(db, ours.orgId, { name: 'k', role: 'admin' })
const agent = await database.createAgent(db, ours.orgId, {
  slug: 'ours',
  name: 'Ours',
  systemPrompt: 'secret',
  model: null,
  temperature: null,
  maxTokens: null,
  tools: []
})
await database.createSession(db, ours.orgId, { agentId: ours.agentId, userId: null })
const call = { executionId, id: 'call-1', name: 'calculator', source: 'builtin', effect: 'none', input: { secret: 1 } }
await database.insertToolCall(db, ours.orgId, call)

const page = { limit: 100 }
const nothing = { items: [], nextCursor: null }

await database.beginDurableRun(db, {
  orgId: ours.orgId,
  executionId,
  owner: 'runtime',
  sessionId: uuidv7(),
  messageId: uuidv7(),
  agent: 'assistant',
  request: {},
  remainingMs: 60_000,
  steps: []
})

/** Every function that takes an organisation: how `orgId` and `user` see or change what belongs to ours and Ann. */
const access: Record<string, { ask: (orgId: string, user: string | null) => Promise<unknown>; none: unknown }> = {
  getSession: { ask: (orgId, user) => database.getSession(db, orgId, user, sessionId), none: undefined },
  listSessions: { ask: (orgId, user) => database.listSessions(db, orgId, user, page), none: nothing },
  renameSession: { ask: (orgId, user) => database.renameSession(db, orgId, user, sessionId, 'new'), none: undefined },
  listMessages: { ask: (orgId, user) => database.listMessages(db, orgId, user, sessionId, page), none: undefined },
  searchMessages: { ask: (orgId, user) => database.searchMessages(db, orgId, user, 'secret', 10), none: [] },
  findExecution: { ask: (orgId, user) => database.findExecution(db, orgId, user, executionId), none: undefined },
  accept: {
    ask: (orgId, user) => writer.accept(newTurn({ orgId, agentId: agent.id }, { sessionId, userScope: user })),
    none: { kind: 'session_not_found' }
  },
  deleteSession: { ask: (orgId, user) => database.deleteSession(db, orgId, user, sessionId), none: false }
}

/** Those that have no user in them. */
const accessOfOrganization: Record<string, { ask: (orgId: string) => Promise<unknown>; none: unknown }> = {
  saveProgress: {
    ask: (orgId) =>
      writer.saveProgress({
        executionId: running.executionId,
        orgId,
        messageId: running.assistantMessageId,
        content: 'x'
      }),
    none: false
  },
  findRunningExecution: {
    ask: (orgId) => database.findRunningExecution(db, orgId, sessionId),
    none: undefined
  },
  finish: { ask: (orgId) => writer.finish({ ...endOf(running), orgId }), none: false },
  findAgent: { ask: (orgId) => database.findAgent(db, orgId, agent.id), none: undefined },
  'findAgent by slug': { ask: (orgId) => database.findAgent(db, orgId, 'ours'), none: undefined },
  updateAgent: { ask: (orgId) => database.updateAgent(db, orgId, agent.id, { name: 'x' }), none: undefined },
  isAgentInUse: { ask: (orgId) => database.isAgentInUse(db, orgId, ours.agentId), none: false },
  deleteAgent: { ask: (orgId) => database.deleteAgent(db, orgId, agent.id), none: false },
  listApiKeys: { ask: (orgId) => database.listApiKeys(db, orgId), none: [] },
  isApiKeyActive: { ask: (orgId) => database.isApiKeyActive(db, orgId, key.id), none: false },
  revokeApiKey: { ask: (orgId) => database.revokeApiKey(db, orgId, key.id), none: false },
  findUser: { ask: (orgId) => database.findUser(db, orgId, 'bob'), none: undefined },
  listToolCalls: { ask: (orgId) => database.listToolCalls(db, orgId, executionId), none: [] },
  finishToolCall: {
    ask: (orgId) => database.finishToolCall(db, orgId, { executionId, id: 'call-1', status: 'ok', durationMs: 1 }),
    none: false
  },
  findDurableOutcome: {
    ask: (orgId) => database.findDurableOutcome(db, orgId, executionId, 1500),
    none: undefined
  },
  cancelDurableRun: { ask: (orgId) => database.cancelDurableRun(db, orgId, executionId), none: false }
}

for (const [name, { ask, none }] of Object.entries(access)) {
  t.test(`${name} gives and changes nothing of another organisation or of another user`, async (t) => {
    t.strictSame(await ask(theirs.orgId, null), none, 'another organisation')
    t.strictSame(await ask(theirs.orgId, theirUser), none, 'a user of another organisation')
    t.strictSame(await ask(theirs.orgId, ourUser), none, 'another organisation with our user')
    t.strictSame(await ask(ours.orgId, ourOtherUser), none, 'another user of the organisation')
    t.strictSame(await ask(ours.orgId, uuidv7()), none, 'an unknown user')
    t.strictNotSame(await ask(ours.orgId, ourUser), none, 'its own user')
  })
}

for (const [name, { ask, none }] of Object.entries(accessOfOrganization)) {
  t.test(`${name} gives and changes nothing of another organisation`, async (t) => {
    t.strictSame(await ask(theirs.orgId), none)
    t.strictSame(await ask(uuidv7()), none)
    t.strictNotSame(await ask(ours.orgId), none, 'its own organisation')
  })
}

t.test('touchApiKey and orgMetrics stay inside their organisation', async (t) => {
  const other = await database.createApiKey(db, ours.orgId, { name: 'other', role: 'member' })
  await database.touchApiKey(db, theirs.orgId, other.id)
  const [stored] = (await database.listApiKeys(db, ours.orgId)).filter(({ id }) => id === other.id)
  t.equal(stored?.lastUsedAt, null)
  t.equal((await database.orgMetrics(db, theirs.orgId)).direct.total, 0)
  t.ok((await database.orgMetrics(db, ours.orgId)).direct.total > 0)
})

t.test('the table above covers every exported function that takes an organisation', (t) => {
  const covered = new Set(Object.keys({ ...access, ...accessOfOrganization }))
  // Creating in an organisation gives nothing of another one; the last two are tested above.
  const others = ['createAgent', 'createApiKey', 'createSession', 'ensureUser', 'insertToolCall', 'listAgents']
  const known = new Set([...covered, ...others, 'orgMetrics', 'setOrganizationActive', 'touchApiKey'])
  const missing = Object.entries(database)
    .filter(([name, value]) => typeof value === 'function' && /orgId/.test(signatureOf(value)) && !known.has(name))
    .map(([name]) => name)
  t.strictSame(missing, [])
  t.end()
})

t.test('listAgents gives the agents of the organisation only', async (t) => {
  t.strictSame(
    (await database.listAgents(db, theirs.orgId)).map(({ slug }) => slug),
    ['assistant', 'default']
  )
})

function signatureOf(value: unknown): string {
  return String(value).split('{', 1)[0] ?? ''
}
