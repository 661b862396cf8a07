import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { faultProxy } from '@semibot/stack'
import { sql } from 'kysely'
import t from 'tap'
import { createDatabase, DatabaseTimeoutError, DatabaseUnavailableError } from '../src/index.ts'
import { addOrganization, openTestDatabase, type Scope } from './helpers/test-database.ts'

const database = await openTestDatabase(t)
const { db, url } = database

function open(t: Scope, options: Partial<Parameters<typeof createDatabase>[0]> = {}) {
  const patient = { connectionTimeoutMs: 10_000 }
  const handle = createDatabase({ url, max: 1, applicationName: 'limits', ...patient, ...options })
  t.teardown(() => handle.close())
  return handle
}

t.test('a URL that is none is refused without being repeated', (t) => {
  const urls = ['', 'localhost', 'mysql://root:secret@localhost/x', 'postgres://semibot:secret@:x/y']
  for (const bad of [...urls, 'postgres://semibot:secret@/x', 'postgres://semibot:secret@/x?host=localhost']) {
    const error = t.throws(() => createDatabase({ url: bad, max: 1, applicationName: 'x' }), TypeError)
    t.notMatch(String(error instanceof Error ? error.stack : error), /secret/)
  }
  t.end()
})

t.test('a server may be reached through the folder of its Unix socket', async (t) => {
  const { hostname, port, username, password, pathname } = new URL(url)
  // The path of a socket must be short.
  const folder = mkdtempSync(join(tmpdir(), 'semibot-db-'))
  const server = net.createServer((socket) => {
    const upstream = net.connect(Number(port || 5432), hostname)
    socket.on('error', () => upstream.destroy()).pipe(upstream)
    upstream.on('error', () => socket.destroy()).pipe(socket)
  })
  t.teardown(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  server.listen(join(folder, '.s.PGSQL.5432'))
  await once(server, 'listening')
  for (const host of [folder, encodeURIComponent(folder)]) {
    const socketUrl = `postgres://${username}:${password}@${pathname}?port=5432&host=${host}`
    const { db: local } = open(t, { url: socketUrl })
    t.strictSame((await sql`select 1 as one`.execute(local)).rows, [{ one: 1 }], host)
  }
})

t.test('each connection has the limits of the package', async (t) => {
  const { rows } = await sql<Record<string, string>>`
    select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
      current_setting('idle_in_transaction_session_timeout') as idle, current_setting('application_name') as name
  `.execute(db)
  t.strictSame(rows[0], { statement: '5s', lock: '2s', idle: '10s', name: 'semibot-db-test' })
})

t.test('a statement that runs for too long is a timeout, and the connection stays usable', async (t) => {
  const { db: limited, pool } = open(t, { statementTimeoutMs: 50 })
  await t.rejects(sql`select pg_sleep(30)`.execute(limited), DatabaseTimeoutError)
  t.strictSame((await sql`select 1 as one`.execute(limited)).rows, [{ one: 1 }])
  t.equal(pool.totalCount, 1)
})

t.test('a server that is not there is unavailability', async (t) => {
  const { db: nowhere } = open(t, { url: 'postgres://semibot:secret@127.0.0.1:1/semibot' })
  const error = await sql`select 1`.execute(nowhere).catch((reason: unknown) => reason)
  t.ok(error instanceof DatabaseUnavailableError)
  t.notMatch((error as Error).message, /secret/)
})

t.test('a server that accepts and never answers is unavailability, within the connection timeout', async (t) => {
  const proxy = await faultProxy({ target: url, fault: { kind: 'hang' } })
  t.teardown(() => proxy.stop())
  const proxied = new URL(url)
  proxied.port = String(proxy.port)
  const { db: hanging } = open(t, { url: proxied.href, connectionTimeoutMs: 100 })
  const started = performance.now()
  await t.rejects(sql`select 1`.execute(hanging), DatabaseUnavailableError)
  t.ok(performance.now() - started < 1000)
})

t.test('a pool whose connections are all taken is unavailability, within the connection timeout', async (t) => {
  const { db: exhausted, pool } = open(t, { connectionTimeoutMs: 1000 })
  const client = await pool.connect()
  await t.rejects(sql`select 1`.execute(exhausted), DatabaseUnavailableError)
  client.release()
  t.strictSame((await sql`select 1 as one`.execute(exhausted)).rows, [{ one: 1 }])
})

t.test('a connection that is killed during a transaction fails it and is replaced', async (t) => {
  const { db: killed } = open(t)
  const inTransaction = killed.transaction().execute(async (transaction) => {
    await sql`create table half_done ()`.execute(transaction)
    await sql`select pg_terminate_backend(pg_backend_pid())`.execute(transaction)
  })
  await t.rejects(inTransaction, DatabaseUnavailableError)
  const { rows } = await sql<{ gone: boolean }>`select to_regclass('half_done') is null as gone`.execute(killed)
  t.strictSame(rows, [{ gone: true }])
})

t.test('an idle connection that breaks is told to onError and does no harm', async (t) => {
  const broken = Promise.withResolvers<Error>()
  const { db: idle, pool } = open(t, { onError: broken.resolve })
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(idle)
  await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(db)
  t.match(await broken.promise, { message: /terminating connection/ })
  t.equal(pool.totalCount, 0)
  t.strictSame((await sql`select 1 as one`.execute(idle)).rows, [{ one: 1 }])
})

t.test('counts and sequence numbers are numbers, times are dates with milliseconds', async (t) => {
  const { orgId } = await addOrganization(database)
  const row = await db.selectFrom('organizations').selectAll().where('id', '=', orgId).executeTakeFirstOrThrow()
  t.ok(row.created_at instanceof Date)
  const { rows } = await sql`select 9007199254740991::bigint as big, count(*) as count from organizations
    where created_at = ${row.created_at}`.execute(db)
  t.strictSame(rows, [{ big: Number.MAX_SAFE_INTEGER, count: 1 }])
})

t.test('closing twice is closing once, and a closed database is unavailable', async (t) => {
  const { db: closed, close } = open(t)
  await sql`select 1`.execute(closed)
  await Promise.all([close(), close()])
  await t.rejects(sql`select 1`.execute(closed), DatabaseUnavailableError)
})
