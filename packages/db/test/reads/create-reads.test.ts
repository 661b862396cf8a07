import { faultProxy } from '@semibot/stack'
import { type Kysely, sql } from 'kysely'
import t, { type Test } from 'tap'
import {
  createDatabase,
  createReads,
  type Database,
  DatabaseUnavailableError,
  InvalidCursorError,
  listSessions,
  type ReadReason,
  type ReadsOptions
} from '../../src/index.ts'
import { openTestDatabase } from '../helpers/test-database.ts'

// The second server is the first one under names of its own: what it says of its progress is in a table, and which of
// the two has answered is seen by the name of the connection. A real replica is in infra/slow/replica.test.ts.

const primary = await openTestDatabase(t)
await primary.pool.query(`
  create schema standby;
  create table standby.state (recovering boolean, replayed pg_lsn, cluster bigint);
  insert into standby.state select true, '0/0', system_identifier from pg_control_system();
  create function standby.pg_control_system() returns table (system_identifier bigint)
    language sql as 'select cluster from standby.state';
  create function standby.pg_is_in_recovery() returns boolean language sql as 'select recovering from standby.state';
  create function standby.pg_last_wal_replay_lsn() returns pg_lsn language sql as 'select replayed from standby.state'`)

const FAR = 'FFFFFFFF/FFFFFFFF'
const saysIt = async (recovering: boolean, replayed: string) =>
  await primary.pool.query('update standby.state set recovering = $1, replayed = $2', [recovering, replayed])

function standbyUrl(port = new URL(primary.url).port): string {
  const url = new URL(primary.url)
  url.hostname = '127.0.0.1'
  url.port = port
  url.searchParams.set('options', '-c search_path=standby,pg_catalog,public')
  return url.href
}

function openReads(t: Test, url: string, options: Partial<ReadsOptions> = {}) {
  const replica = createDatabase({ url, max: 4, applicationName: 'replica', statementTimeoutMs: 1000 })
  t.teardown(() => replica.close())
  const reasons: ReadReason[] = []
  const told: string[] = []
  const reads = createReads({
    primary: primary.db,
    replica: replica.db,
    answerMs: 10_000,
    onRead: (reason) => reasons.push(reason),
    onReplicaLost: (error) => told.push(String(error)),
    onReplicaBack: () => told.push('back'),
    ...options
  })
  return { reads, reasons, told }
}

async function whoAnswers(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ name: string }>`select current_setting('application_name') as name`.execute(db)
  return rows[0]?.name ?? ''
}

const PRIMARY = 'semibot-db-test'

t.test('without a replica the primary answers', async (t) => {
  const reasons: ReadReason[] = []
  const reads = createReads({ primary: primary.db, onRead: (reason) => reasons.push(reason) })
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.strictSame(reasons, ['none'])
})

t.test('a replica answers when it has repeated what was written, and not a moment before', async (t) => {
  const { reads, reasons, told } = openReads(t, standbyUrl())
  await saysIt(true, FAR)
  t.equal(await reads.read(whoAnswers), 'replica')
  await saysIt(true, '0/1')
  t.equal(await reads.read(whoAnswers), PRIMARY, 'one that stays behind is waited for, then the primary answers')

  const slow = openReads(t, standbyUrl(), { waitMs: 60_000, answerMs: 60_000 })
  const waiting = slow.reads.read(whoAnswers)
  await saysIt(true, FAR)
  t.equal(await waiting, 'replica', 'one that catches up while it is waited for answers')
  t.strictSame([...reasons, ...slow.reasons], ['caught_up', 'behind', 'caught_up'])
  t.strictSame(told, [], 'being behind is no failure')
})

t.test('a server that takes writes never answers as a replica, and is left alone', async (t) => {
  const { reads, reasons, told } = openReads(t, standbyUrl(), { restMs: 60_000 })
  await saysIt(false, FAR)
  for (let count = 0; count < 3; count++) t.equal(await reads.read(whoAnswers), PRIMARY)
  t.strictSame(reasons, ['not_a_replica', 'resting', 'resting'])
  t.strictSame(told, ['Error: the server of the read URL is no replica of the database'])
})

t.test('a replica of another installation never answers, however far its log is', async (t) => {
  await saysIt(true, FAR)
  await primary.pool.query('update standby.state set cluster = cluster + 1')
  const { reads, reasons } = openReads(t, standbyUrl(), { restMs: 60_000 })
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.strictSame(reasons, ['not_a_replica', 'resting'])
  await primary.pool.query('update standby.state set cluster = cluster - 1')
})

t.test('a replica that is lost costs no read, rests, and is taken back', async (t) => {
  const proxy = await faultProxy({ target: primary.url })
  t.teardown(() => proxy.stop())
  await saysIt(true, FAR)
  const { reads, reasons, told } = openReads(t, standbyUrl(String(proxy.port)), { restMs: 0, answerMs: 10_000 })
  t.equal(await reads.read(whoAnswers), 'replica')
  await proxy.set({ kind: 'refuse' })
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.equal(told.length, 1, 'a loss is told once')
  t.match(told[0], /DatabaseUnavailableError/)
  await proxy.set({ kind: 'none' })
  t.equal(await reads.read(whoAnswers), 'replica')
  t.strictSame(told.slice(1), ['back'])
  t.strictSame(reasons, ['caught_up', 'failed', 'failed', 'caught_up'])
})

t.test('a replica that hangs is waited for only until its limit', async (t) => {
  const proxy = await faultProxy({ target: primary.url })
  t.teardown(() => proxy.stop())
  await proxy.set({ kind: 'hang' })
  const { reads, reasons, told } = openReads(t, standbyUrl(String(proxy.port)), { answerMs: 50, restMs: 60_000 })
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.equal(await reads.read(whoAnswers), PRIMARY)
  t.strictSame(reasons, ['failed', 'resting'])
  t.match(told, [/did not answer within 50 ms/])
})

t.test("a query that fails on the replica runs on the primary; a caller's mistake does not", async (t) => {
  await saysIt(true, FAR)
  const { reads, reasons, told } = openReads(t, standbyUrl())
  const conflicting = async (db: Kysely<Database>) => {
    const name = await whoAnswers(db)
    // What a replica says when it has to drop rows that the query still needs.
    if (name === 'replica')
      await sql`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`.execute(db)
    return name
  }
  t.equal(await reads.read(conflicting), PRIMARY)
  t.equal(await reads.read(whoAnswers), 'replica', 'a conflict is no reason to rest')
  const orgId = '00000000-0000-7000-8000-000000000000'
  await t.rejects(
    reads.read((db) => listSessions(db, orgId, null, { limit: 1, cursor: 'no cursor' })),
    InvalidCursorError
  )
  t.strictSame(reasons, ['failed', 'caught_up'])
  t.strictSame(told, [])
})

t.test('a read sees all that was committed before it, with one question for many reads', async (t) => {
  await saysIt(true, FAR)
  let questions = 0
  const { db, close } = createDatabase({
    url: primary.url,
    max: 2,
    applicationName: 'primary',
    connectionTimeoutMs: 10_000,
    onQuery: () => questions++
  })
  t.teardown(close)
  const { reads } = openReads(t, standbyUrl(), { primary: db })
  await reads.read(whoAnswers)
  questions = 0
  const answers = await Promise.all(Array.from({ length: 50 }, () => reads.read(whoAnswers)))
  t.ok(answers.every((name) => name === 'replica'))
  t.ok(questions <= 2, `${questions} questions for 50 reads that came at once`)

  const { rows } = await sql<{ lsn: string }>`select pg_current_wal_flush_lsn()::text as lsn`.execute(primary.db)
  await saysIt(true, rows[0]?.lsn ?? '')
  t.equal(await reads.read(whoAnswers), 'primary', 'the commit of saysIt itself lies above what it says')
})

t.test('without the primary nobody knows what was written, and the read says so', async (t) => {
  await saysIt(true, FAR)
  const gone = createDatabase({ url: 'postgres://semibot@127.0.0.1:1/none', max: 1, applicationName: 'gone' })
  t.teardown(() => gone.close())
  const { reads } = openReads(t, standbyUrl(), { primary: gone.db })
  await t.rejects(reads.read(whoAnswers), DatabaseUnavailableError)
})
