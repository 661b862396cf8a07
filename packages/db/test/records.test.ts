import { sql } from 'kysely'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import {
  createTurnWriter,
  findActiveForce,
  finishToolCall,
  insertFallbackEvent,
  insertToolCall,
  listFallbackEvents,
  listFallbackOrders,
  listToolCalls,
  orgMetrics,
  TOOL_STOPPED
} from '../src/index.ts'
import { addOrganization, openTestDatabase } from './helpers/test-database.ts'
import { newTurn, runTurn } from './helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())

t.test('the figures of an organisation are those of its executions of the last five minutes', async (t) => {
  const organization = await addOrganization(database)
  for (const latencyMs of [100, 200, 300, 400]) await runTurn(writer, organization, {}, { latencyMs })
  const failed = { status: 'failed', messageStatus: 'failed', latencyMs: 9999 } as const
  for (const code of ['LLM_UNAVAILABLE', 'DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']) {
    await runTurn(writer, organization, {}, { ...failed, error: { code, message: '' } })
  }
  await runTurn(writer, organization, {}, { status: 'cancelled', messageStatus: 'cancelled' })
  await runTurn(writer, organization, {}, { mode: 'runtime_orchestrator', latencyMs: 50 })
  await writer.accept(newTurn(organization))
  const old = await runTurn(writer, organization)
  await sql`update executions set ended_at = now() - interval '301 seconds' where id = ${old.executionId}`.execute(db)

  t.strictSame(await orgMetrics(db, organization.orgId), {
    windowSeconds: 300,
    direct: {
      total: 7,
      success: 4,
      error: 3,
      timeout: 2,
      avgLatencyMs: 250,
      errorRate: 3 / 7,
      timeoutRate: 2 / 7,
      cancelled: 1,
      p50LatencyMs: 250,
      p95LatencyMs: 385,
      p99LatencyMs: 397,
      byCode: { LLM_UNAVAILABLE: 1, DEADLINE_EXCEEDED: 2 }
    },
    runtime: {
      total: 1,
      success: 1,
      error: 0,
      timeout: 0,
      avgLatencyMs: 50,
      errorRate: 0,
      timeoutRate: 0,
      cancelled: 0,
      p50LatencyMs: 50,
      p95LatencyMs: 50,
      p99LatencyMs: 50,
      byCode: {}
    }
  })
  t.equal((await orgMetrics(db, organization.orgId, 3600)).direct.success, 5)
})

t.test('an organisation without executions has zeros', async (t) => {
  const { orgId } = await addOrganization(database)
  t.match(await orgMetrics(db, orgId), {
    direct: { total: 0, errorRate: 0, avgLatencyMs: 0, p50LatencyMs: null, byCode: {} },
    runtime: { total: 0, timeoutRate: 0 }
  })
})

t.test('a tool call is stored once, and finished once', async (t) => {
  const { orgId } = await addOrganization(database)
  const executionId = uuidv7()
  const call = { executionId, id: 'call-1', name: 'calculator', source: 'builtin', effect: 'none' }
  t.equal(await insertToolCall(db, orgId, { ...call, input: { expression: '17*23' } }), true)
  t.equal(await insertToolCall(db, orgId, { ...call, input: { expression: '1' } }), false)
  t.match(await listToolCalls(db, orgId, executionId), [
    { ...call, status: 'running', input: { expression: '17*23' }, output: null, error: null, endedAt: null }
  ])
  const end = { executionId, id: 'call-1', durationMs: 12.4 }
  t.equal(await finishToolCall(db, orgId, { ...end, status: 'ok', output: { result: 391 } }), true)
  t.equal(await finishToolCall(db, orgId, { ...end, status: 'error' }), false)
  t.match(await listToolCalls(db, orgId, executionId), [
    { status: 'ok', output: { result: 391 }, durationMs: 12, endedAt: Date }
  ])
})

t.test('of a tool call that was stopped in one process and run again in another the other result holds', async (t) => {
  const { orgId } = await addOrganization(database)
  const executionId = uuidv7()
  const ends = {
    stop: { status: 'error', error: { code: TOOL_STOPPED, message: 'stopped' }, durationMs: 1 },
    result: { status: 'ok', output: 'done', durationMs: 2 }
  } as const
  for (const order of [
    ['stop', 'result'],
    ['result', 'stop'],
    ['stop', 'result', 'result', 'stop']
  ] as const) {
    const id = order.join()
    const call = { executionId, id, name: 'n', source: 'mcp', effect: 'idempotent', input: {} }
    await insertToolCall(db, orgId, call)
    t.equal(await insertToolCall(db, orgId, call), false, 'the process that runs it again')
    for (const end of order) await finishToolCall(db, orgId, { executionId, id, ...ends[end] })
    const stored = (await listToolCalls(db, orgId, executionId)).find((row) => row.id === id)
    t.match(stored, { status: 'ok', output: 'done', error: null, durationMs: 2 }, id)
  }
  t.equal(await finishToolCall(db, orgId, { executionId, id: 'stop,result', ...ends.stop }), false)
})

t.test('a tool call may hold any text, and end badly', async (t) => {
  const { orgId } = await addOrganization(database)
  const executionId = uuidv7()
  const call = { executionId, id: 'c', name: 'n', source: 'mcp', effect: 'unsafe', input: ['\0', { a: '\ud83d' }] }
  t.equal(await insertToolCall(db, orgId, call), true)
  const error = { code: 'TOOL_FAILED', message: 'no \0' }
  await finishToolCall(db, orgId, { executionId, id: 'c', status: 'error', error, durationMs: 1 })
  t.match(await listToolCalls(db, orgId, executionId), [
    { input: ['\ufffd', { a: '\ufffd' }], output: null, error: { code: 'TOOL_FAILED', message: 'no \ufffd' } }
  ])
})

t.test('fallback events are listed newest first, per runtime', async (t) => {
  const evidence = { errorRate: 0.55, samples: 20 }
  const opened = await insertFallbackEvent(db, {
    kind: 'transition',
    state: 'open',
    reason: 'error_rate',
    detail: '错误率过高: 55.00% (阈值: 50.00%)',
    evidence,
    instance: 'api-1'
  })
  const closed = await insertFallbackEvent(db, { kind: 'reset', state: 'closed', reason: 'reset', actor: 'admin' })
  await insertFallbackEvent(db, { runtime: 'other', kind: 'transition', state: 'open', reason: 'health' })
  t.match(opened, { runtime: 'default', evidence, actor: null, expiresAt: null, createdAt: Date })

  const page = await listFallbackEvents(db, { limit: 1 })
  t.strictSame(page.items, [closed])
  const next = await listFallbackEvents(db, { limit: 10, cursor: page.nextCursor ?? '' })
  t.strictSame(next, { items: [opened], nextCursor: null })
  t.match((await listFallbackEvents(db, { limit: 10 }, 'other')).items, [{ reason: 'health' }])
})

t.test('a fallback event that could not be stored at once is stored once, in its place', async (t) => {
  const event = { runtime: 'late', kind: 'reset', state: 'closed', reason: 'reset' } as const
  const later = await insertFallbackEvent(db, event)
  const earlier = { ...event, id: uuidv7(), detail: 'earlier', createdAt: new Date(later.createdAt.getTime() - 1) }
  const stored = await insertFallbackEvent(db, earlier)
  t.match(await insertFallbackEvent(db, { ...earlier, detail: 'again' }), { id: earlier.id, detail: 'earlier' })
  t.strictSame((await listFallbackEvents(db, { limit: 10 }, 'late')).items, [later, stored])
})

t.test('what operators ordered is listed newest first, without what happened by itself', async (t) => {
  const runtime = 'ordered'
  const insert = (kind: 'transition' | 'force' | 'reset', state: string) =>
    insertFallbackEvent(db, { runtime, kind, state, reason: 'any' })
  const force = await insert('force', 'open')
  await insert('transition', 'half_open')
  const reset = await insert('reset', 'closed')
  t.strictSame(await listFallbackOrders(db, 10, runtime), [reset, force])
  t.strictSame(await listFallbackOrders(db, 1, runtime), [reset])
})

t.test('the active force is the last one that is neither expired, ended nor reset', async (t) => {
  const force = (state: string, expiresInMs: number) =>
    insertFallbackEvent(db, {
      runtime: 'forced',
      kind: 'force',
      state,
      reason: 'forced',
      expiresAt: new Date(Date.now() + expiresInMs)
    })
  const active = () => findActiveForce(db, 'forced')
  t.equal(await active(), undefined)
  const open = await force('open', 60_000)
  t.strictSame(await active(), open)
  await insertFallbackEvent(db, { runtime: 'forced', kind: 'transition', state: 'open', reason: 'health' })
  t.match(await active(), { id: open.id }, 'a transition does not end it')
  await force('auto', 60_000)
  t.equal(await active(), undefined, 'auto ends it')
  await force('closed', 60_000)
  t.match(await active(), { state: 'closed' })
  await insertFallbackEvent(db, { runtime: 'forced', kind: 'reset', state: 'closed', reason: 'reset' })
  t.equal(await active(), undefined, 'a reset ends it')
  await force('open', -1)
  t.equal(await active(), undefined, 'its time ends it')
})
