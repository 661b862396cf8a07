import { randomBytes } from 'node:crypto'
import { createDatabase, createOrganization, createTurnWriter, ensureUser, findAgent, listToolCalls } from '@semibot/db'
import { createTestDatabase, startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeToolRequest, post, run } from '../helpers/execute.ts'
import { startApp } from '../helpers/start-app.ts'

const simulator = await startSimulator(t, { SIMULATOR_GAP_MS: '0' })
const url = await createTestDatabase(t)
const { db, pool, close } = createDatabase({ url, max: 3, applicationName: 'semibot-runtime-test' })
const writer = createTurnWriter(pool)
t.teardown(async () => {
  await writer.close()
  await close()
})

/** An id whose first 48 bits are the time (RFC 9562, version 7). */
function newId(): string {
  const hex = Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Stores a question and its answer in a session of their own. */
async function say(orgId: string, userId: string | null, content: string, answer = 'Noted.'): Promise<string> {
  const agentId = (await findAgent(db, orgId, 'assistant'))!.id
  const [executionId, sessionId, messageId] = [newId(), newId(), newId()]
  const ids = { executionId, orgId, sessionId }
  const session = { newSession: true, agentId, owner: 'test', historyLimit: 0, userScope: userId }
  await writer.accept({ ...ids, ...session, userId, userMessageId: newId(), assistantMessageId: messageId, content })
  const end = { status: 'completed' as const, messageStatus: 'complete' as const, mode: 'direct_llm' as const }
  await writer.finish({ ...ids, ...end, messageId, content: answer, attempts: 1, model: 'simulator', latencyMs: 1 })
  return sessionId
}

const { id: orgId } = await createOrganization(db, { slug: 'first', name: 'First' })
const { id: otherOrgId } = await createOrganization(db, { slug: 'second', name: 'Second' })
const ann = await ensureUser(db, orgId, 'ann')
const bob = await ensureUser(db, orgId, 'bob')
await say(orgId, ann, 'The launch code of Ann is green')
await say(orgId, bob, 'The launch code of Bob is blue')
await say(otherOrgId, null, 'The launch code of the others is red')

const SEARCH = 'Search for "launch code"'

async function search(origin: string, org: string, userId: string | null) {
  const request = makeToolRequest(SEARCH, { orgId: org, userId })
  const events = await run(origin, request)
  const finished = events.find((event) => event.type === 'tool.finished')
  return { request, events, output: (finished as { output?: string }).output ?? '', finished }
}

t.test('search_history finds what the same user said, and nothing of others', async (t) => {
  const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, DATABASE_URL: url })
  const cases: [name: string, org: string, userId: string | null, sees: RegExp, never: RegExp][] = [
    ['Ann', orgId, ann, /green/, /blue|red/],
    ['Bob', orgId, bob, /blue/, /green|red/],
    ['another organisation', otherOrgId, null, /red/, /green|blue/],
    ['the user of one organisation in another', otherOrgId, ann, /^\[\]$/, /green|blue|red/]
  ]
  for (const [name, org, userId, sees, never] of cases) {
    const { output, events } = await search(origin, org, userId)
    t.match(output, sees, name)
    t.notMatch(output, never)
    lastOf(events, 'execution.completed')
  }
  const { output } = await search(origin, orgId, ann)
  t.match(JSON.parse(output), [
    { role: 'user', time: /Z$/, text: 'The launch code of Ann is green', sameSession: false }
  ])
})

t.test('every tool call is recorded with its end', async (t) => {
  const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, DATABASE_URL: url })
  const request = makeToolRequest('What is 17*23 and 1/0?', { orgId, userId: ann })
  await run(origin, request)
  const recorded = await waitFor(
    async () => {
      const calls = await listToolCalls(db, orgId, request.executionId)
      return calls.length === 2 && calls.every(({ status }) => status !== 'running') ? calls : undefined
    },
    { what: 'both records' }
  )
  const byInput = recorded.toSorted((a, b) => JSON.stringify(b.input).localeCompare(JSON.stringify(a.input)))
  t.match(byInput, [
    {
      name: 'calculator',
      source: 'builtin',
      effect: 'none',
      status: 'ok',
      input: { expression: '17*23' },
      output: '391'
    },
    {
      status: 'error',
      input: { expression: '1/0' },
      error: { code: 'TOOL_INPUT_INVALID', message: 'division by zero' }
    }
  ])
})

t.test('a tool call that is stopped is recorded as that', async (t) => {
  const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, DATABASE_URL: url })
  const request = makeToolRequest(SEARCH, { orgId, userId: ann })
  const client = await pool.connect()
  await client.query('begin')
  await client.query('lock table messages in access exclusive mode')
  const running = run(origin, request)
  const record = () => listToolCalls(db, orgId, request.executionId).then(([call]) => call)
  await waitFor(record, { what: 'the search to begin' })
  await post(origin, '', { path: `/api/v1/executions/${request.executionId}/cancel` })
  lastOf(await running, 'execution.cancelled')
  const stopped = await waitFor(async () => ((await record())?.endedAt ? record() : undefined), { what: 'its record' })
  t.match(stopped, { name: 'search_history', status: 'error', error: { code: 'TOOL_STOPPED' } })
  await client.query('rollback')
  client.release()
})

t.test('/ready tells how the database is', async (t) => {
  const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, DATABASE_URL: url })
  const ready = await fetch(`${origin}/ready`)
  t.equal(ready.status, 200)
  t.match(await ready.json(), {
    status: 'ready',
    dependencies: { postgres: { state: 'up' }, llm: { state: 'unknown' } }
  })

  const empty = await createTestDatabase(t, { migrated: false })
  const { origin: unmigrated } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl, DATABASE_URL: empty })
  const missing = await fetch(`${unmigrated}/ready`)
  t.equal(missing.status, 503, 'a database without its tables makes it unready')
  t.match(await missing.json(), { status: 'migrations_missing' })
  const { finished, events } = await search(unmigrated, orgId, ann)
  t.match(finished, { status: 'error', error: { code: 'TOOL_FAILED', message: 'search_history failed' } })
  lastOf(events, 'execution.completed')
})

t.test('without a database, the search says so, everything else works, and it is logged once', async (t) => {
  const { origin, log } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })
  for (let count = 0; count < 2; count++) {
    const { finished, events } = await search(origin, orgId, ann)
    t.match(finished, {
      status: 'error',
      error: { code: 'TOOL_UNAVAILABLE', message: 'the message history cannot be searched at the moment' }
    })
    t.match(lastOf(events, 'execution.completed'), { finishReason: 'stop' }, 'the agent goes on')
  }
  const computed = await run(origin, makeToolRequest('What is 2*3?'))
  t.match(
    computed.find(({ type }) => type === 'tool.finished'),
    { status: 'ok', output: '6' }
  )
  const ready = await fetch(`${origin}/ready`)
  t.equal(ready.status, 200)
  t.match(await ready.json(), { dependencies: { postgres: { state: 'down', detail: /./ } } })
  t.equal(log.filter(({ msg }) => String(msg).startsWith('[Runtime] database unavailable')).length, 1)
})
