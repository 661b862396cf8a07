import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { faultProxy } from '@semibot/stack'
import { waitFor } from '@semibot/stack/test'
import { sql } from 'kysely'
import t from 'tap'
import {
  adoptOrphans,
  beginDurableRun,
  createTurnWriter,
  deleteExpiredIdempotencyKeys,
  findDurableOutcome,
  findExecution,
  heartbeat,
  listMessages,
  notifyCancel,
  ORPHAN_MESSAGE,
  retireInstance,
  sweepOrphans,
  watchCancels
} from '../src/index.ts'
import { addOrganization, emptyTables, openTestDatabase } from './helpers/test-database.ts'
import { endOf, newTurn, runTurn } from './helpers/turns.ts'

const STALE = { staleMs: 10_000 }

const database = await openTestDatabase(t)
const { db, pool, url } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())
t.beforeEach(() => emptyTables(database))

/** Moves what is known of a process, or when an execution began, into the past. */
async function age(seconds: number, owner: string, columns: string[]): Promise<void> {
  const past = sql`now() - make_interval(secs => ${seconds})`
  for (const column of columns) {
    await sql`update service_instances set ${sql.ref(column)} = ${past} where id = ${owner}`.execute(db)
  }
  await sql`update executions set created_at = ${past} where owner = ${owner}`.execute(db)
}

t.test('the executions of a dead process are failed, keep their text, and free their sessions', async (t) => {
  const organization = await addOrganization(database)
  const { orgId } = organization
  await heartbeat(db, { id: 'alive', kind: 'api' })
  await heartbeat(db, { id: 'dead', kind: 'api' })
  const silent = newTurn(organization, { owner: 'dead' })
  const talking = newTurn(organization, { owner: 'dead' })
  const healthy = newTurn(organization, { owner: 'alive' })
  for (const turn of [silent, talking, healthy]) await writer.accept(turn)
  const ended = await runTurn(writer, organization, { owner: 'dead' })
  const progress = { executionId: talking.executionId, orgId, messageId: talking.assistantMessageId }
  await writer.saveProgress({ ...progress, content: 'So far' })

  t.strictSame(await sweepOrphans(db, STALE), [], 'nobody is dead yet')
  await age(11, 'dead', ['seen_at'])
  await age(60, 'alive', ['steady_since'])
  const expected = [silent, talking].map((turn) => ({
    orgId,
    executionId: turn.executionId,
    sessionId: turn.sessionId,
    owner: 'dead'
  }))
  const swept = await Promise.all([sweepOrphans(db, STALE), sweepOrphans(db, STALE)])
  t.strictSame(
    swept.flat().sort((a, b) => (a.executionId < b.executionId ? -1 : 1)),
    expected,
    'by one of two sweepers'
  )

  for (const [turn, status, content] of [
    [silent, 'failed', ''],
    [talking, 'partial', 'So far']
  ] as const) {
    t.match(await findExecution(db, orgId, null, turn.executionId), {
      status: 'failed',
      error: { code: 'INTERNAL', message: ORPHAN_MESSAGE },
      endedAt: Date,
      content
    })
    const page = await listMessages(db, orgId, null, turn.sessionId, { limit: 10 })
    t.match(page?.items, [{ seq: 2, role: 'assistant', status, content }, { seq: 1 }])
    t.match(await writer.accept(newTurn(organization, { sessionId: turn.sessionId })), { kind: 'accepted' })
    t.equal(await writer.finish(endOf(turn)), false, 'the dead process comes too late')
  }
  t.match(await findExecution(db, orgId, null, healthy.executionId), { status: 'running' })
  t.match(await findExecution(db, orgId, null, ended.executionId), { status: 'completed' })
})

t.test('nobody is called dead while no process was heard of steadily, as after an outage', async (t) => {
  const organization = await addOrganization(database)
  await heartbeat(db, { id: 'first-back', kind: 'api' })
  await writer.accept(newTurn(organization, { owner: 'second-back' }))
  await age(30, 'second-back', [])
  await age(30, 'first-back', ['seen_at', 'steady_since'])
  t.strictSame(await sweepOrphans(db, STALE), [], 'nobody is heard of')
  await heartbeat(db, { id: 'first-back', kind: 'api' })
  t.strictSame(await sweepOrphans(db, STALE), [], 'the first heartbeat after a gap does not count as steady')
  await age(30, 'first-back', ['steady_since'])
  await heartbeat(db, { id: 'first-back', kind: 'api' })
  t.equal((await sweepOrphans(db, STALE)).length, 1)
})

t.test('a process that retires leaves nothing to wait for', async (t) => {
  const organization = await addOrganization(database)
  for (const id of ['stays', 'goes']) await heartbeat(db, { id, kind: 'api' })
  await writer.accept(newTurn(organization, { owner: 'goes' }))
  await age(20, 'stays', ['steady_since'])
  await age(20, 'goes', [])
  t.strictSame(await sweepOrphans(db, STALE), [])
  await retireInstance(db, 'goes')
  t.match(await sweepOrphans(db, STALE), [{ owner: 'goes' }])
})

t.test('instances that are long gone are forgotten', async (t) => {
  for (const id of ['yesterday', 'today']) await heartbeat(db, { id, kind: 'api' })
  await age(90_000, 'yesterday', ['seen_at'])
  await sweepOrphans(db, STALE)
  t.strictSame(await db.selectFrom('service_instances').select('id').execute(), [{ id: 'today' }])
})

t.test('expired idempotency keys are deleted batch by batch', async (t) => {
  const organization = await addOrganization(database)
  const keys = ['a', 'b', 'c', 'd']
  for (const key of keys) await writer.accept(newTurn(organization, { idempotency: { key, requestHash: 'h' } }))
  await db.updateTable('idempotency_keys').set({ expires_at: new Date() }).where('key', '!=', 'd').execute()
  t.equal(await deleteExpiredIdempotencyKeys(db, 2), 2)
  t.equal(await deleteExpiredIdempotencyKeys(db, 2), 1)
  t.strictSame(await db.selectFrom('idempotency_keys').select('key').execute(), [{ key: 'd' }])
})

t.test('a cancel is heard by every process that watches, also after its connection broke', async (t) => {
  const errors: unknown[] = []
  let heard = Promise.withResolvers<string>()
  const watch = watchCancels({
    url,
    applicationName: 'watcher',
    onCancel: (executionId) => heard.resolve(executionId),
    onError: (error) => errors.push(error)
  })
  t.teardown(() => watch.close())
  await watch.listening
  await notifyCancel(db, 'execution-1')
  t.equal(await heard.promise, 'execution-1')

  heard = Promise.withResolvers<string>()
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'watcher'`.execute(db)
  let tries = 0
  const repeat = setInterval(() => void notifyCancel(db, `try-${++tries}`), 50)
  t.match(await heard.promise, /^try-/)
  clearInterval(repeat)
  t.match(errors, [{ code: 'DATABASE_UNAVAILABLE' }])
})

t.test('a watch is closed while its connection is being made', async (t) => {
  const greeted = Promise.withResolvers<unknown>()
  const silent = createServer((socket) => socket.on('data', greeted.resolve).on('error', () => {}))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const watch = watchCancels({
    url: `postgres://nobody@127.0.0.1:${port}/nothing`,
    applicationName: 'watcher',
    onCancel: () => {}
  })
  await greeted.promise
  const late = delay(3000, 'late', { ref: false })
  t.not(await Promise.race([watch.close(), late]), 'late')
})

t.test('a connection that hears nothing any more is noticed and made again', async (t) => {
  const proxy = await faultProxy({ target: url })
  t.teardown(() => proxy.stop())
  const address = new URL(url)
  address.host = `127.0.0.1:${proxy.port}`
  const lost = Promise.withResolvers<unknown>()
  const heard = new Set<string>()
  const watch = watchCancels({
    url: address.href,
    applicationName: 'watcher',
    onCancel: (executionId) => heard.add(executionId),
    onError: lost.resolve,
    checkMs: 200
  })
  t.teardown(() => watch.close())
  await watch.listening
  await proxy.set({ kind: 'hang' })
  t.match(await Promise.race([lost.promise, delay(5000, undefined, { ref: false })]), { code: /^DATABASE_/ })

  await proxy.set({ kind: 'none' })
  const repeat = async () => {
    await notifyCancel(db, 'again')
    return heard.has('again')
  }
  await waitFor(repeat, { what: 'the new connection to hear' })
  t.equal(proxy.connections.open, 1, 'the old one is closed')

  await proxy.set({ kind: 'hang' })
  const began = performance.now()
  await watch.close()
  t.ok(performance.now() - began < 1000, 'and its end waits for nobody')
})

t.test('a watch on a server that is not there can be closed', async (t) => {
  const refused = Promise.withResolvers<unknown>()
  const watch = watchCancels({
    url: 'postgres://semibot@127.0.0.1:1/none',
    applicationName: 'watcher',
    onCancel: () => {},
    onError: refused.resolve
  })
  t.match(await refused.promise, { code: 'DATABASE_UNAVAILABLE' })
  await watch.close()
})

t.test('an execution whose run is in the journal is adopted by one process, and not swept', async (t) => {
  const organization = await addOrganization(database)
  const { orgId } = organization
  for (const id of ['alive', 'other', 'dead']) await heartbeat(db, { id, kind: 'api' })
  const journaled = newTurn(organization, { owner: 'dead' })
  const plain = newTurn(organization, { owner: 'dead' })
  for (const turn of [journaled, plain]) await writer.accept(turn)
  const { executionId, sessionId, assistantMessageId: messageId } = journaled
  await beginDurableRun(db, {
    ...{ orgId, executionId, sessionId, messageId, owner: 'runtime' },
    ...{ agent: 'assistant', request: {}, remainingMs: 60_000, steps: [] }
  })
  const adopt = (owner: string) => adoptOrphans(db, { owner, ...STALE })
  t.strictSame(await adopt('alive'), [], 'nobody is dead yet')
  await age(11, 'dead', ['seen_at'])
  await age(60, 'alive', ['steady_since'])

  const adopted = (await Promise.all([adopt('alive'), adopt('other')])).flat()
  t.match(adopted, [{ orgId, executionId, sessionId, messageId }])
  t.strictSame(
    (await sweepOrphans(db, STALE)).map((swept) => swept.executionId),
    [plain.executionId]
  )
  t.equal((await findExecution(db, orgId, null, executionId))?.status, 'running')
  t.match(await findDurableOutcome(db, orgId, executionId, 1500), {
    status: 'running',
    isOwned: false,
    isOverdue: false
  })

  // A journal that has stopped for good holds up nobody.
  await sql`update durable_executions set deadline_at = now() - interval '1 s'`.execute(db)
  await sql`update executions set owner = 'dead' where id = ${executionId}`.execute(db)
  t.strictSame(await adopt('alive'), [])
  t.match(await sweepOrphans(db, STALE), [{ executionId }])
})
