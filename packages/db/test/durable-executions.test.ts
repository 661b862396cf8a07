import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import t from 'tap'
import {
  beginDurableRun,
  beginStep,
  cancelDurableRun,
  claimDurableRun,
  createDatabase,
  endDurableRun,
  endLease,
  endOverdueRuns,
  failUnownedRun,
  findDurableOutcome,
  findDurableRun,
  forbidDurableRun,
  listDurableRuns,
  listUnknownSteps,
  ownsDurableRun,
  recordStep,
  releaseDurableRun,
  renewLease
} from '../src/index.ts'
import { addOrganization, emptyTables, openTestDatabase } from './helpers/test-database.ts'

const LEASE_MS = 1500
const database = await openTestDatabase(t)
const { db } = database
t.beforeEach(() => emptyTables(database))

async function begin(owner = 'a', steps: { name: string; effect: string; result: unknown }[] = []) {
  const { orgId } = await addOrganization(database)
  await renewLease(db, owner, LEASE_MS)
  const run = { orgId, executionId: randomUUID(), owner }
  const rest = { sessionId: randomUUID(), messageId: randomUUID(), agent: 'assistant', request: { message: 'Hi' } }
  t.ok(await beginDurableRun(db, { ...run, ...rest, remainingMs: 60_000, steps }))
  return { ...run, epoch: 1, begin: () => beginDurableRun(db, { ...run, ...rest, remainingMs: 60_000, steps }) }
}

/** Moves the lease of a process into the past. */
async function silence(instance: string): Promise<void> {
  await sql`update runtime_leases set seen_at = now() - interval '2 s' where instance = ${instance}`.execute(db)
}

async function steady(instance: string): Promise<void> {
  await renewLease(db, instance, LEASE_MS)
  await sql`update runtime_leases set steady_since = now() - interval '1 min' where instance = ${instance}`.execute(db)
}

t.test('a run is taken from a silent owner with its steps, and the old owner is refused from then on', async (t) => {
  const first = { name: 'llm:0', effect: 'none', result: { text: 'a\u0000b\ud800', calls: [1] } }
  const run = await begin('a', [first])
  t.ok(await recordStep(db, run, { name: 'tool:1:x', effect: 'none', result: { text: 'seven' }, status: 'ok' }))
  await steady('b')
  t.strictSame(await claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS), { kind: 'held' }, 'its owner lives')

  await silence('a')
  const claim = await claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS)
  t.match(claim, { kind: 'taken', epoch: 2, request: { message: 'Hi' } })
  const steps = claim.kind === 'taken' ? claim.steps : []
  const byName = new Map(steps.map(({ name, result }) => [name, result]))
  t.strictSame(byName.get('llm:0'), first.result, 'the text that was recorded, byte for byte')
  t.strictSame(byName.get('tool:1:x'), { text: 'seven' })

  t.equal(await ownsDurableRun(db, run), false)
  t.equal(await beginStep(db, run, { name: 'tool:2:x', effect: 'unsafe' }), undefined)
  t.equal(await recordStep(db, run, { name: 'llm:1', effect: 'none', result: 'late' }), false)
  t.equal(await endDurableRun(db, run, 'completed', {}), false)
  await releaseDurableRun(db, run)
  t.equal(await ownsDurableRun(db, { ...run, owner: 'b', epoch: 2 }), true, 'and cannot give away what it lost')
  t.match(await findDurableRun(db, run.executionId), { owners: 2, steps: 2, status: 'running', owner: 'b' })
})

t.test('a run that was given up, or whose owner has ended, is free at once', async (t) => {
  const run = await begin()
  await renewLease(db, 'b', LEASE_MS)
  await releaseDurableRun(db, run)
  t.match(await claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS), { kind: 'taken', epoch: 2 })
  await steady('c')
  await endLease(db, 'b')
  t.match(await claimDurableRun(db, { ...run, owner: 'c' }, LEASE_MS), { kind: 'taken', epoch: 3 })
})

t.test('after an outage nobody calls others dead before it was steady for the length of a lease', async (t) => {
  const run = await begin()
  await silence('a')
  await renewLease(db, 'b', LEASE_MS)
  const claim = () => claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS)
  t.strictSame(await claim(), { kind: 'held' }, 'b has just begun')
  await steady('b')
  await silence('b')
  t.strictSame(await claim(), { kind: 'held' }, 'b has no lease itself')
  await renewLease(db, 'b', LEASE_MS)
  t.strictSame(await claim(), { kind: 'held' }, 'a gap begins the wait anew')
  await steady('b')
  t.match(await claim(), { kind: 'taken' })
})

t.test('a process that took a run and lost the answer takes it again, and fences its earlier self', async (t) => {
  const run = await begin()
  await silence('a')
  await steady('b')
  const claim = () => claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS)
  t.match(await claim(), { kind: 'taken', epoch: 2 })
  t.match(await claim(), { kind: 'taken', epoch: 3, request: { message: 'Hi' } })
  t.equal(await recordStep(db, { ...run, owner: 'b', epoch: 2 }, { name: 'llm:0', effect: 'none', result: 1 }), false)
  await steady('c')
  t.strictSame(await claimDurableRun(db, { ...run, owner: 'c' }, LEASE_MS), { kind: 'held' }, 'nobody else may')
})

t.test('a process that took a run and could not read its steps knows under which epoch to give it back', async (t) => {
  const run = await begin()
  await releaseDurableRun(db, run)
  await renewLease(db, 'b', LEASE_MS)
  const impatient = createDatabase({ url: database.url, max: 1, applicationName: 'test', statementTimeoutMs: 200 })
  t.teardown(impatient.close)
  let epoch = 0
  const claim = (orgId: string) =>
    claimDurableRun(impatient.db, { ...run, orgId, owner: 'b' }, LEASE_MS, (taking) => {
      epoch = taking
    })
  await db.transaction().execute(async (transaction) => {
    await sql`lock table execution_steps in access exclusive mode`.execute(transaction)
    await t.rejects(claim(run.orgId), { name: 'DatabaseUnavailableError', commitUnknown: true })
  })
  t.match(await findDurableRun(db, run.executionId), { owner: 'b', owners: epoch })
  await releaseDurableRun(db, { ...run, owner: 'b', epoch })
  t.match(await findDurableRun(db, run.executionId), { owner: null })
  epoch = 0
  t.strictSame(await claim(randomUUID()), { kind: 'none' })
  t.equal(epoch, 0, 'nothing was asked for')
})

t.test('a run that was forbidden before it entered the journal never enters it', async (t) => {
  const run = await begin()
  const ids = { sessionId: randomUUID(), messageId: randomUUID(), agent: 'assistant' }
  await forbidDurableRun(db, { ...run, ...ids })
  t.equal(await ownsDurableRun(db, run), false, 'one that is there ends')
  const late = { ...run, ...ids, executionId: randomUUID(), request: {}, remainingMs: 60_000, steps: [] }
  await forbidDurableRun(db, late)
  t.equal(await beginDurableRun(db, late), false)
  t.match(await findDurableRun(db, late.executionId), { status: 'cancelled', steps: 0, owner: null })
  const done = await begin()
  t.ok(await endDurableRun(db, done, 'completed', { content: 'Done.' }))
  await forbidDurableRun(db, { ...done, ...ids })
  t.match(await findDurableRun(db, done.executionId), { status: 'completed' }, 'what has ended stays as it is')
})

t.test('only one of many takes a run, however often it is tried', async (t) => {
  const others = Array.from({ length: 8 }, (_, index) => `b${index}`)
  for (let round = 0; round < 15; round++) {
    const run = await begin(`a${round}`)
    await silence(run.owner)
    await Promise.all(others.map(steady))
    const claims = await Promise.all(others.map((owner) => claimDurableRun(db, { ...run, owner }, LEASE_MS)))
    const kinds = claims.map(({ kind }) => kind).sort()
    t.strictSame(kinds, ['held', 'held', 'held', 'held', 'held', 'held', 'held', 'taken'])
    t.match(await findDurableRun(db, run.executionId), { owners: 2 })
  }
})

t.test('a step that was begun by an earlier owner and has no result says so', async (t) => {
  const run = await begin()
  const step = { name: 'tool:call:1:send', effect: 'unsafe' }
  t.strictSame(await beginStep(db, run, step), { begunBefore: false })
  t.strictSame(await beginStep(db, run, step), { begunBefore: false }, 'the same call, repeated')
  await releaseDurableRun(db, run)
  await renewLease(db, 'b', LEASE_MS)
  const claim = await claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS)
  t.match(claim, { kind: 'taken', steps: [] })
  const taken = { ...run, owner: 'b', epoch: 2 }
  t.strictSame(await beginStep(db, taken, step), { begunBefore: true })
  t.ok(await recordStep(db, taken, { ...step, result: { text: 'unknown' }, status: 'unknown' }))
  t.ok(await recordStep(db, taken, { ...step, result: { text: 'another' }, status: 'ok' }), 'the first result stays')
  t.match(await listUnknownSteps(db, { limit: 10 }), [
    { executionId: run.executionId, toolCallId: 'call:1', tool: 'send' }
  ])
  t.match((await findDurableRun(db, run.executionId))?.stepList, [{ ...step, status: 'unknown', epoch: 2 }])
})

t.test('an ended run is kept for whoever missed its end, and cannot be taken, ended or begun again', async (t) => {
  const run = await begin()
  t.ok(await run.begin(), 'beginning it once more changes nothing')
  t.ok(await endDurableRun(db, run, 'completed', { content: 'Done.' }))
  t.ok(await endDurableRun(db, run, 'completed', { content: 'Done.' }), 'nor does ending it once more')
  t.equal(await endDurableRun(db, run, 'failed', {}), false)
  t.equal(await run.begin(), false)
  t.equal(await cancelDurableRun(db, run.orgId, run.executionId), false)
  await steady('b')
  const claim = await claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS)
  t.strictSame(claim, { kind: 'ended', status: 'completed', outcome: { content: 'Done.' } })
  const none = await claimDurableRun(db, { ...run, executionId: randomUUID(), owner: 'b' }, LEASE_MS)
  t.strictSame(none, { kind: 'none' })
})

t.test('a cancelled run is refused to its owner at the next step', async (t) => {
  const run = await begin()
  t.equal(await cancelDurableRun(db, randomUUID(), run.executionId), false, 'not for another organisation')
  t.ok(await cancelDurableRun(db, run.orgId, run.executionId))
  t.equal(await recordStep(db, run, { name: 'llm:1', effect: 'none', result: 1 }), false)
  t.match(await listDurableRuns(db, { limit: 10 }), [{ status: 'cancelled', executionId: run.executionId }])
  t.strictSame(await listDurableRuns(db, { limit: 10, status: 'running' }), [])
  t.strictSame(await listDurableRuns(db, { limit: 10, orgId: randomUUID() }), [])
})

t.test('a run that nobody has can be ended with the reason, and one that somebody has cannot', async (t) => {
  const run = await begin()
  const outcome = { error: { code: 'RUNTIME_UNAVAILABLE', message: 'Nobody.', origin: 'runtime' } }
  const fail = (seen = run) => failUnownedRun(db, seen, LEASE_MS, outcome)
  t.equal(await fail(), false, 'its owner lives')
  await silence('a')
  await steady('b')
  t.equal(await fail({ ...run, orgId: randomUUID() }), false, 'not for another organisation')
  const seen = await findDurableOutcome(db, run.orgId, run.executionId, LEASE_MS)
  t.match(seen, { status: 'running', isOwned: false, isOverdue: false, epoch: 1 })
  t.ok(seen !== undefined && seen.remainingMs > 50_000 && seen.remainingMs <= 60_000)
  t.match(await claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS), { kind: 'taken', epoch: 2 })
  await silence('b')
  t.equal(await fail(), false, 'it had another owner since it was seen')
  t.ok(await fail({ ...run, epoch: 2 }))
  t.equal(await fail({ ...run, epoch: 2 }), false, 'once')
  t.equal(await beginStep(db, { ...run, owner: 'b', epoch: 2 }, { name: 'tool:1:x', effect: 'unsafe' }), undefined)
  await steady('c')
  const claim = await claimDurableRun(db, { ...run, owner: 'c' }, LEASE_MS)
  t.strictSame(claim, { kind: 'ended', status: 'failed', outcome })
})

t.test('of a run that is taken and ended in the same moment only one comes true', async (t) => {
  for (let round = 0; round < 10; round++) {
    const run = await begin(`a-${round}`)
    await silence(run.owner)
    await steady('b')
    const [claim, failed] = await Promise.all([
      claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS),
      failUnownedRun(db, run, LEASE_MS, {})
    ])
    t.equal(claim.kind === 'taken', !failed, `${claim.kind}, ${failed}`)
  }
})

t.test(
  'an unsafe step that was under way when its run was ended is unknown; one that is under way is not',
  async (t) => {
    const run = await begin()
    await beginStep(db, run, { name: 'tool:1:send', effect: 'unsafe' })
    await beginStep(db, run, { name: 'tool:2:look', effect: 'idempotent' })
    t.strictSame(await listUnknownSteps(db, { limit: 10 }), [])
    t.ok(await endDurableRun(db, run, 'failed', {}))
    t.match(await listUnknownSteps(db, { limit: 10 }), [{ toolCallId: '1', tool: 'send' }])
    t.match(await listUnknownSteps(db, { limit: 10, orgId: run.orgId }), [{ toolCallId: '1' }])
    t.strictSame(await listUnknownSteps(db, { limit: 10, orgId: randomUUID() }), [])
    t.match(await listDurableRuns(db, { limit: 1 }), [{ unknownSteps: 1 }])
  }
)

t.test('a run that nobody has ended is ended some time after its deadline', async (t) => {
  const run = await begin()
  t.equal(await endOverdueRuns(db), 0)
  await sql`update durable_executions set deadline_at = now() - interval '61 s'`.execute(db)
  t.equal(await endOverdueRuns(db), 1)
  t.equal(await endOverdueRuns(db), 0)
  t.match(await findDurableRun(db, run.executionId), { status: 'failed' })
})

t.test('while a result is written nobody takes the run over, so no result is lost or written late', async (t) => {
  const run = await begin()
  await silence('a')
  await steady('b')
  const [written, claim] = await Promise.all([
    recordStep(db, run, { name: 'llm:1', effect: 'none', result: 'text' }),
    claimDurableRun(db, { ...run, owner: 'b' }, LEASE_MS)
  ])
  const seen = claim.kind === 'taken' && claim.steps.length === 1
  t.equal(written, seen, 'either it was written before and is seen, or refused')
})
