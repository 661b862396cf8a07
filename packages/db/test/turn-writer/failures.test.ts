import { faultProxy } from '@semibot/stack'
import { waitFor } from '@semibot/stack/test'
import pg from 'pg'
import t from 'tap'
import {
  createDatabase,
  createTurnWriter,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  findExecution,
  TurnQueueFullError
} from '../../src/index.ts'
import { acceptStatement } from '../../src/turn-writer/accept-statement.ts'
import { runBatch } from '../../src/turn-writer/run-batch.ts'
import type { AcceptResult } from '../../src/turn-writer/types.ts'
import { addOrganization, openTestDatabase, type Scope } from '../helpers/test-database.ts'
import { endOf, newTurn, runTurn } from '../helpers/turns.ts'

const database = await openTestDatabase(t)
const { db, pool, url } = database
const writer = createTurnWriter(pool)
t.teardown(() => writer.close())
const organization = await addOrganization(database)
const { orgId } = organization

/** A connection that holds locks until the function that it returns is called. */
async function hold(t: Scope, statement: string, values: unknown[] = []): Promise<() => Promise<void>> {
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  await client.query('begin')
  await client.query(statement, values)
  return async () => {
    await client.query('rollback')
  }
}

/** Waits until a backend of this application waits for a lock, and gives its pid. */
async function waitForBlocked(application: string, after?: number): Promise<number> {
  return await waitFor(
    async () => {
      const { rows } = await pool.query(
        `select pid from pg_stat_activity
         where datname = current_database() and application_name = $1 and wait_event_type = 'Lock' and pid <> $2`,
        [application, after ?? 0]
      )
      return rows[0]?.pid as number | undefined
    },
    { what: `a blocked statement of ${application}` }
  )
}

function poolOf(t: Scope, application: string, config: pg.PoolConfig = {}): pg.Pool {
  const own = new pg.Pool({ connectionString: url, max: 4, application_name: application, ...config })
  own.on('error', () => {})
  own.on('connect', (client) => client.on('error', () => {}))
  t.teardown(() => own.end())
  return own
}

/** A writer whose connections pass a proxy that can break them. */
async function openProxied(t: Scope, application: string) {
  const proxy = await faultProxy({ target: url })
  t.teardown(() => proxy.stop())
  const proxied = new URL(url)
  proxied.port = String(proxy.port)
  const patient = { connectionTimeoutMs: 10_000 }
  const handle = createDatabase({ url: proxied.href, max: 4, applicationName: application, ...patient })
  const own = createTurnWriter(handle.pool)
  t.teardown(async () => {
    await own.close()
    await handle.close()
  })
  return { proxy, own }
}

const LOCK_SESSION = 'select from sessions where id = $1 for update'

t.test('a batch whose connection is killed twice fails with a typed error and leaves nothing', async (t) => {
  const own = createTurnWriter(poolOf(t, 'killed'))
  t.teardown(() => own.close())
  const { sessionId } = await runTurn(writer, organization)
  const release = await hold(t, LOCK_SESSION, [sessionId])
  const turns = [newTurn(organization), newTurn(organization, { sessionId }), newTurn(organization)]
  const results = Promise.allSettled(turns.map((turn) => own.accept(turn)))

  const first = await waitForBlocked('killed')
  await pool.query('select pg_terminate_backend($1)', [first])
  await pool.query('select pg_terminate_backend($1)', [await waitForBlocked('killed', first)])
  for (const result of await results) {
    t.match(result, { status: 'rejected', reason: { code: 'DATABASE_UNAVAILABLE', sqlState: '57P01' } })
    t.ok(result.status === 'rejected' && result.reason instanceof DatabaseUnavailableError)
  }
  await release()

  const ids = turns.map((turn) => turn.executionId)
  t.strictSame(await db.selectFrom('executions').select('id').where('id', 'in', ids).execute(), [])
  const messageIds = turns.map((turn) => turn.userMessageId)
  t.strictSame(await db.selectFrom('messages').select('id').where('id', 'in', messageIds).execute(), [])
  const sessionIds = turns.map((turn) => turn.sessionId)
  t.strictSame(await db.selectFrom('sessions').select(['id', 'next_seq']).where('id', 'in', sessionIds).execute(), [
    { id: sessionId, next_seq: 3 }
  ])
  t.match(await own.accept(newTurn(organization, { sessionId })), { kind: 'accepted' }, 'the writer goes on')
})

t.test('a batch whose connection is killed once is written by the next try, once', async (t) => {
  const own = createTurnWriter(poolOf(t, 'killed-once'))
  t.teardown(() => own.close())
  const { sessionId } = await runTurn(writer, organization)
  const release = await hold(t, LOCK_SESSION, [sessionId])
  const turn = newTurn(organization, { sessionId })
  const result = own.accept(turn)
  const first = await waitForBlocked('killed-once')
  await pool.query('select pg_terminate_backend($1)', [first])
  await waitForBlocked('killed-once', first)
  await release()
  t.match(await result, { kind: 'accepted' })
})

t.test('an accept whose answer was lost after the commit is accepted when it is repeated', async (t) => {
  const { sessionId } = await runTurn(writer, organization, { content: 'before' })
  const idempotency = { key: 'lost-answer', requestHash: 'h' }
  const turn = newTurn(organization, { sessionId, idempotency })
  const settled = Promise.withResolvers<AcceptResult>()
  await runBatch([{ item: turn, ...settled }], {
    statement: async (turns, repeated) => {
      const results = await acceptStatement(pool, turns, repeated)
      if (!repeated) throw new DatabaseUnavailableError('the answer is lost', { commitUnknown: true })
      return results
    }
  })
  t.match(await settled.promise, {
    kind: 'accepted',
    history: [
      { role: 'user', content: 'before' },
      { role: 'assistant', content: 'Answer to before' }
    ]
  })
  const stored = await db.selectFrom('messages').select('seq').where('session_id', '=', sessionId).execute()
  t.equal(stored.length, 3)
})

t.test('an accept that failed although it was committed is taken back when the database answers again', async (t) => {
  const { proxy, own } = await openProxied(t, 'cut')
  const { sessionId } = await runTurn(own, organization)

  const idempotency = { key: 'taken-back', requestHash: 'h' }
  const turns = [newTurn(organization, { sessionId, idempotency }), newTurn(organization)] as const
  await proxy.set({ kind: 'cut', afterBytes: 0 })
  for (const result of await Promise.allSettled(turns.map((turn) => own.accept(turn)))) {
    t.match(result, { status: 'rejected', reason: { code: 'DATABASE_UNAVAILABLE', commitUnknown: true } })
  }
  for (const turn of turns) {
    t.match(await findExecution(db, orgId, null, turn.executionId), { status: 'running' }, 'it is committed')
  }

  await proxy.set({ kind: 'none' })
  const again = newTurn(organization, { sessionId, idempotency })
  t.match(await own.accept(again), { kind: 'accepted' }, 'the same call, sent again, is a new execution')
  const ids = turns.map((turn) => turn.executionId)
  t.strictSame(await db.selectFrom('executions').select('id').where('id', 'in', ids).execute(), [])
  const rows = await db
    .selectFrom('messages')
    .select('seq')
    .where('session_id', '=', sessionId)
    .orderBy('seq')
    .execute()
  t.strictSame(
    rows.map((row) => row.seq),
    [1, 2, 3],
    'the sequence has no gap'
  )
  const emptySession = await db.selectFrom('sessions').select('id').where('id', '=', turns[1].sessionId).execute()
  t.strictSame(emptySession, [], 'the session that began with it is gone')
})

t.test('it is taken back without a further call too', async (t) => {
  const { proxy, own } = await openProxied(t, 'cut-alone')
  await runTurn(own, organization)
  const turn = newTurn(organization)
  await proxy.set({ kind: 'cut', afterBytes: 0 })
  await t.rejects(own.accept(turn), { code: 'DATABASE_UNAVAILABLE' })
  t.match(await findExecution(db, orgId, null, turn.executionId), { status: 'running' }, 'it is committed')
  await proxy.set({ kind: 'none' })
  await waitFor(async () => (await findExecution(db, orgId, null, turn.executionId)) === undefined, {
    what: 'the accept to be taken back'
  })
})

t.test('finish waits for a database that comes back, and stores its answer once', async (t) => {
  const { proxy, own } = await openProxied(t, 'finish')

  for (const fault of [{ kind: 'refuse' }, { kind: 'cut', afterBytes: 0 }] as const) {
    const turn = newTurn(organization)
    await own.accept(turn)
    await proxy.set(fault)
    const { accepted } = proxy.connections
    const finished = own.finish(endOf(turn))
    await waitFor(async () => fault.kind === 'refuse' || proxy.connections.accepted > accepted, {
      what: 'the second try'
    })
    await proxy.set({ kind: 'none' })
    t.equal(await finished, true, fault.kind)
    t.match(await findExecution(db, orgId, null, turn.executionId), { status: 'completed', content: 'Answer to Hello' })
    t.equal(await own.finish(endOf(turn)), false, 'another call is another matter')
  }
})

t.test('finish gives up after its time, and at once when the writer closes', async (t) => {
  const handle = createDatabase({ url: 'postgres://semibot@127.0.0.1:1/none', max: 1, applicationName: 'none' })
  t.teardown(() => handle.close())
  const turn = newTurn(organization)
  const impatient = createTurnWriter(handle.pool, { finishRetryMs: 0 })
  await t.rejects(impatient.finish(endOf(turn)), DatabaseUnavailableError)

  const patient = createTurnWriter(handle.pool, { finishRetryMs: 600_000 })
  const finished = t.rejects(patient.finish(endOf(turn)), DatabaseUnavailableError)
  await patient.close()
  await finished
  await t.rejects(patient.finish(endOf(turn)), DatabaseUnavailableError, 'a closed writer refuses')
  await impatient.close()
})

t.test('one bad item of a batch fails alone', async (t) => {
  const turns = Array.from({ length: 5 }, (_, index) =>
    newTurn(organization, { content: index === 2 ? 'nul \0' : 'fine' })
  )
  const results = await Promise.allSettled(turns.map((turn) => writer.accept(turn)))
  t.strictSame(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']
  )
  t.match(results[2], { reason: { code: /^22/ } })
})

t.test('one locked session of a batch fails alone', async (t) => {
  const own = createTurnWriter(poolOf(t, 'locked', { lock_timeout: 100 }))
  t.teardown(() => own.close())
  const { sessionId } = await runTurn(writer, organization)
  const release = await hold(t, LOCK_SESSION, [sessionId])
  const turns = [newTurn(organization), newTurn(organization, { sessionId }), newTurn(organization)]
  const results = await Promise.allSettled(turns.map((turn) => own.accept(turn)))
  t.strictSame(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled']
  )
  t.ok(results[1]?.status === 'rejected' && results[1].reason instanceof DatabaseTimeoutError)
  await release()
})

t.test('a locked table fails a whole batch after a few waits, not after one per item', async (t) => {
  const own = createTurnWriter(poolOf(t, 'table', { lock_timeout: 200 }))
  t.teardown(() => own.close())
  const release = await hold(t, 'lock table executions in access exclusive mode')
  const started = performance.now()
  const turns = Array.from({ length: 40 }, () => newTurn(organization))
  for (const result of await Promise.allSettled(turns.map((turn) => own.accept(turn)))) {
    t.ok(result.status === 'rejected' && result.reason instanceof DatabaseTimeoutError)
  }
  t.ok(performance.now() - started < 20 * 200, 'far less than 40 lock timeouts')
  await release()
})

t.test('calls beyond the queue are refused, and those that wait too long fail', async (t) => {
  const own = createTurnWriter(poolOf(t, 'queue', { lock_timeout: 1500 }), { maxBatch: 1, maxQueue: 2, maxWaitMs: 200 })
  t.teardown(() => own.close())
  const { sessionId } = await runTurn(writer, organization)
  const release = await hold(t, LOCK_SESSION, [sessionId])
  const busy = Array.from({ length: 2 }, () =>
    t.rejects(own.accept(newTurn(organization, { sessionId })), DatabaseTimeoutError)
  )
  await waitForBlocked('queue', await waitForBlocked('queue'))

  const waiting = Array.from({ length: 2 }, () =>
    t.rejects(own.accept(newTurn(organization)), /waited for more than 200 ms/)
  )
  t.equal(own.queueLength, 2)
  await t.rejects(own.accept(newTurn(organization)), TurnQueueFullError)
  await Promise.all([...busy, ...waiting])
  await release()
  t.match(await own.accept(newTurn(organization)), { kind: 'accepted' })
})

t.test('when all connections are taken, a call fails in time and the next ones work', async (t) => {
  const handle = createDatabase({ url, max: 1, applicationName: 'exhausted', connectionTimeoutMs: 1000 })
  const own = createTurnWriter(handle.pool)
  t.teardown(async () => {
    await own.close()
    await handle.close()
  })
  const client = await handle.pool.connect()
  const started = performance.now()
  await t.rejects(own.accept(newTurn(organization)), DatabaseUnavailableError)
  t.ok(performance.now() - started < 3000)
  client.release()
  t.match(await own.accept(newTurn(organization)), { kind: 'accepted' })
})
