import {
  type AcceptTurn,
  beginDurableRun,
  createDatabase,
  createOrganization,
  createTurnWriter,
  findAgent,
  findDurableOutcome,
  findExecution,
  forbidDurableRun,
  heartbeat,
  ownsDurableRun,
  renewLease
} from '@semibot/db'
import { createTestDatabase, waitFor } from '@semibot/stack/test'
import Fastify from 'fastify'
import { sql } from 'kysely'
import t from 'tap'
import { Orphanage, type OrphanageOptions } from '../../src/chat/adopt-orphans.ts'
import { recallStory } from '../../src/chat/adopted-story.ts'
import { followExecution } from '../../src/chat/follow-execution.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'
import { RunningExecutions } from '../../src/chat/running-executions.ts'
import { newId } from '../../src/new-id.ts'
import { startedEvent } from '../helpers/started-event.ts'

const { db, pool, close } = createDatabase({ url: await createTestDatabase(t), max: 4, applicationName: 'test' })
const turns = createTurnWriter(pool)
const { id: orgId } = await createOrganization(db, { slug: 'acme', name: 'Acme' })
const agent = await findAgent(db, orgId, 'default')
const LEASE_MS = 60_000
const UNOWNED_MS = 1500
const running = new RunningExecutions()
const options: OrphanageOptions = {
  db,
  services: { instanceId: 'mine', turns, running },
  log: Fastify().log,
  staleMs: 1,
  leaseMs: LEASE_MS,
  unownedMs: 60_000,
  // The breaker is open.
  resume: async () => {},
  listen: async () => {},
  recall: async () => undefined
}
const orphanage = new Orphanage(options)
const impatient = new Orphanage({ ...options, unownedMs: UNOWNED_MS })
t.teardown(async () => {
  await Promise.all([orphanage.close(), impatient.close()])
  await turns.close()
  await close()
})

const REQUEST = ({ executionId, sessionId, messageId }: Record<'executionId' | 'sessionId' | 'messageId', string>) => ({
  ...{ executionId, orgId, sessionId, userId: null, messageId, message: 'Hi', history: [] },
  agent: { id: agent?.id ?? '', slug: 'worker', systemPrompt: '', model: 'simulator', tools: [] }
})

function turnOf(ids: { executionId: string; sessionId: string }): AcceptTurn {
  return {
    ...{ executionId: ids.executionId, orgId, sessionId: ids.sessionId, newSession: true },
    ...{ userId: null, userScope: null, agentId: agent?.id ?? null, content: 'Hi', owner: 'dead', historyLimit: 0 },
    ...{ userMessageId: newId(), assistantMessageId: newId() }
  }
}

/** A chat that has been answered in part, of an api process that is gone. */
async function orphan(owner = 'runtime') {
  const ids = { executionId: newId(), orgId, sessionId: newId(), messageId: newId() }
  await turns.accept({ ...turnOf(ids), assistantMessageId: ids.messageId })
  await turns.saveProgress({ ...ids, content: 'Half an ans' })
  const run = { ...ids, agent: 'worker', owner, request: REQUEST(ids), remainingMs: 60_000, steps: [] }
  await beginDurableRun(db, run)
  return run
}

/** Looks until the execution is ours. */
async function adopt({ executionId }: { executionId: string }, by = orphanage): Promise<void> {
  await heartbeat(db, { id: 'mine', kind: 'api' })
  await sql`update service_instances set seen_at = now() + interval '1 min', steady_since = now() - interval '1 min'`.execute(
    db
  )
  const adopted = async () => {
    await by.look()
    return (await findExecution(db, orgId, null, executionId))?.owner === 'mine'
  }
  await waitFor(adopted, { what: 'the adoption' })
}

async function end({ executionId }: { executionId: string }) {
  const ended = async () => {
    const record = await findExecution(db, orgId, null, executionId)
    return record?.status === 'running' ? undefined : record
  }
  return waitFor(ended, { what: 'the end' })
}

t.test('a user can cancel a chat whose api process is gone', async (t) => {
  const run = await orphan()
  await adopt(run)
  await orphanage.cancel(newId())
  await orphanage.cancel(run.executionId)
  t.match(await end(run), { status: 'cancelled', content: 'Half an ans', error: null })
})

t.test('what was saved of an answer stays when its run left none', async (t) => {
  const run = await orphan()
  await forbidDurableRun(db, run)
  await adopt(run)
  t.match(await end(run), { status: 'failed', content: 'Half an ans', error: { code: 'INTERNAL' } })
})

t.test('a run that no runtime goes on with is ended after a while, and whoever waits hears it', async (t) => {
  const [run, held] = [await orphan(), await orphan('alive')]
  await renewLease(db, 'alive', LEASE_MS)
  const started = { ...startedEvent(), seq: 1, ts: 0 }
  const batch = { identity: { ...run, userId: null }, events: [started] }
  const read = async (_: string, after: number) => (after === 0 ? [batch] : [])
  const find = (_: string, id: string) => findExecution(db, orgId, null, id)
  const followed = await followExecution({ read, find }, run.executionId, 0)
  const heard: unknown[] = []
  const reader = followed?.read(1, () => {
    for (let event = reader?.next(); event !== undefined; event = reader?.next()) heard.push(event)
  })

  await adopt(run, impatient)
  const since = performance.now()
  const error = { code: 'RUNTIME_UNAVAILABLE', message: /send the message again/ }
  t.match(await end(run), { status: 'failed', content: 'Half an ans', error })
  t.ok(performance.now() - since > UNOWNED_MS - 1000, 'not at once')
  t.match(await findDurableOutcome(db, orgId, run.executionId, LEASE_MS), { status: 'failed', outcome: { error } })
  t.notOk(await ownsDurableRun(db, { ...run, epoch: 1 }), 'a process that only looked dead is refused')
  const next = await turns.accept({ ...turnOf({ ...run, executionId: newId() }), newSession: false })
  t.equal(next.kind, 'accepted', 'the session is free')
  await waitFor(() => reader?.ended === true, { what: 'the end to be heard', timeoutMs: 20_000 })
  t.match(heard.at(-1), { type: 'execution.failed', error })

  t.equal((await findExecution(db, orgId, null, held.executionId))?.status, 'running', 'one that a runtime has goes on')
  t.ok(await ownsDurableRun(db, { ...held, epoch: 1 }))
  await impatient.cancel(held.executionId)
  t.match(await end(held), { status: 'cancelled' })
})

t.test('a run that a runtime has taken and lost waits for the next one as long as before', async (t) => {
  const run = await orphan()
  let resumes = 0
  const remaining: number[] = []
  const patient = new Orphanage({
    ...options,
    unownedMs: UNOWNED_MS,
    resume: async ({ executionId }, { remainingMs }) => {
      remaining.push(remainingMs)
      if (++resumes > 3) return
      await sql`update durable_executions set epoch = epoch + 1 where id = ${executionId}`.execute(db)
      throw new Error('and died')
    }
  })
  t.teardown(() => patient.close())
  await adopt(run, patient)
  t.match(await end(run), { status: 'failed', error: { code: 'RUNTIME_UNAVAILABLE' } })
  t.ok(resumes > 3, 'it was tried beyond the time of one wait')
  const [first = 0, last = 0] = [remaining[0], remaining.at(-1)]
  t.ok(first <= 60_000 && last < first, 'with no more time than the run has left')
})

t.test('no run outlives its deadline, and one that is cancelled meanwhile is cancelled', async (t) => {
  const late = await orphan()
  await adopt(late)
  await sql`update durable_executions set deadline_at = now() where id = ${late.executionId}`.execute(db)
  t.match(await end(late), { status: 'failed', content: 'Half an ans', error: { code: 'RUNTIME_TIMEOUT' } })
  const unwanted = await orphan()
  await adopt(unwanted, impatient)
  await impatient.cancel(unwanted.executionId)
  t.match(await end(unwanted), { status: 'cancelled', content: 'Half an ans' })
})

t.test('what this process tells itself is not adopted from the one that took it for dead', async (t) => {
  const recalled: string[] = []
  const busy = new Orphanage({
    ...options,
    recall: async ({ executionId }) => void recalled.push(executionId)
  })
  t.teardown(() => busy.close())
  const done = Promise.withResolvers<void>()
  const [own, adopted] = [await orphan(), await orphan()]
  const events = new MemoryEventLog().open({ ...own, userId: null })
  running.add({ events, startedAt: 0, partialText: () => '', cancel: () => {}, leave: () => {}, done: done.promise })
  await adopt(own, busy)
  await adopt(adopted, busy)
  await waitFor(() => recalled.length > 0, { what: 'the adoption' })
  await sql`update executions set owner = 'dead' where id in (${own.executionId}, ${adopted.executionId})`.execute(db)
  await adopt(adopted, busy)
  await busy.cancel(adopted.executionId)
  t.match(await end(adopted), { status: 'cancelled' })
  t.strictSame(recalled, [adopted.executionId], 'nothing is told twice')
  done.resolve()
})

t.test('a Redis that is away at the adoption is asked again', async (t) => {
  const run = await orphan()
  const identity = { ...run, userId: null }
  const log = new MemoryEventLog()
  const mirror = { add: () => {}, complete: async () => true, isBehind: () => false }
  let asked = 0
  const takeOver = async () => {
    if (++asked < 3) throw new Error('away')
    return { epoch: 1, batches: [{ identity, events: [{ ...startedEvent(), seq: 1, ts: 0 }] }] }
  }
  let resumes = 0
  const patient = new Orphanage({
    ...options,
    resume: async () => void resumes++,
    recall: (execution) => recallStory({ takeOver, mirror, events: log }, execution)
  })
  t.teardown(() => patient.close())
  await adopt(run, patient)
  await waitFor(() => log.get(run.executionId), { what: 'the story' })
  t.ok(resumes > 0, 'and the run did not wait for it')
  await patient.cancel(run.executionId)
  t.match(await end(run), { status: 'cancelled' })
  t.ok(log.get(run.executionId)?.ended)
})

t.test('a user who cancels does not wait for a runtime that goes on with the run', async (t) => {
  const run = await orphan()
  let resumed = false
  const patient = new Orphanage({
    ...options,
    resume: (_, { signal }) => {
      resumed = true
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
  })
  t.teardown(() => patient.close())
  await adopt(run, patient)
  await waitFor(() => resumed, { what: 'a runtime to go on' })
  await patient.cancel(run.executionId)
  t.match(await end(run), { status: 'cancelled' })
})

t.test('an end that a paused process has stored first is told all the same, when it is the same one', async (t) => {
  const stored = async (content: string) => {
    const run = await orphan()
    const identity = { ...run, userId: null }
    const log = new MemoryEventLog()
    const mirror = { add: () => {}, complete: async () => true, isBehind: () => false }
    const takeOver = async () => ({
      epoch: 1,
      batches: [{ identity, events: [{ ...startedEvent(), seq: 1, ts: 0 }] }]
    })
    const second = new Orphanage({
      ...options,
      recall: (execution) => recallStory({ takeOver, mirror, events: log }, execution)
    })
    t.teardown(() => second.close())
    await adopt(run, second)
    const events = await waitFor(() => log.get(run.executionId), { what: 'the story' })
    const { executionId, sessionId, messageId } = run
    await turns.finish({
      ...{ executionId, orgId, sessionId, messageId, content, attempts: 1, model: 'simulator', latencyMs: 1 },
      ...{ mode: 'runtime_orchestrator', status: 'completed', messageStatus: 'complete' }
    })
    const outcome = JSON.stringify({ content: 'The answer', finishReason: 'stop' })
    await sql`update durable_executions set status = 'completed', outcome = ${outcome}::json, request = null,
      ended_at = now() where id = ${executionId}`.execute(db)
    await waitFor(() => events.ended || events.failed, { what: 'the end' })
    return events
  }
  t.match(await stored('The answer'), { ended: true, failed: false })
  t.match(await stored('Another one'), { ended: false, failed: true }, 'else whoever asks gets what is stored')
})

t.test('of a copy that ended before its process did, what was saved is not lost', async (t) => {
  const stored = async (copied: string) => {
    const run = await orphan()
    const mirror = { add: () => {}, complete: async () => true, isBehind: () => false }
    const log = new MemoryEventLog()
    const delta = { type: 'message.delta', messageId: run.messageId, delta: copied, seq: 2, ts: 0 } as const
    const events = [{ ...startedEvent(), seq: 1, ts: 0 }, delta]
    const takeOver = async () => ({ epoch: 1, batches: [{ identity: { ...run, userId: null }, events }] })
    const next = new Orphanage({
      ...options,
      recall: (execution) => recallStory({ takeOver, mirror, events: log }, execution)
    })
    t.teardown(() => next.close())
    await adopt(run, next)
    await waitFor(() => log.get(run.executionId), { what: 'the story' })
    await next.cancel(run.executionId)
    return (await end(run)).content
  }
  t.equal(await stored('Half'), 'Half an ans')
  t.equal(await stored('Half an answer'), 'Half an answer')
  t.equal(await stored('Another'), 'Another', 'what was taken back stays so')
})
