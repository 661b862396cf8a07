import { randomUUID } from 'node:crypto'
import { faultProxy, readMetrics, runCli, sumOf, waitFor } from '@semibot/stack'
import {
  bareEnvironment,
  findPostgres15,
  MISSING_POSTGRES_15,
  startApi,
  startPostgres15,
  startSimulator,
  type TestService
} from '@semibot/stack/test'
import pg from 'pg'
import t from 'tap'

// A real streaming replica, and two api processes: each read goes to another process than the write before it, so that
// nothing but the database can tell what was written. The replica repeats each commit some milliseconds late, so that
// a read that does not wait for it is stale.

const programs = await findPostgres15()
const ROUNDS = 1000
const CALLERS = 8
const DELAY = { recovery_min_apply_delay: '5ms' }

interface Caller {
  write: TestService
  read: TestService
}

async function call(service: TestService, key: string, method: string, path: string, body?: object) {
  const response = await fetch(`${service.baseUrl}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000)
  })
  const answer = (await response.json()) as { data: unknown }
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`)
  return answer.data
}

if (programs === undefined) t.test('a replica', { skip: MISSING_POSTGRES_15 }, async () => {})
else {
  const primary = await startPostgres15(t, programs, { shared_preload_libraries: 'pg_stat_statements' })
  await primary.prepare()
  const env = { ...bareEnvironment(), DATABASE_URL: primary.url }
  await runCli(['db', 'migrate'], env)
  const { runtimeOrg } = JSON.parse(await runCli(['dev', 'seed'], env)) as {
    runtimeOrg: { id: string; apiKey: string }
  }
  const key = runtimeOrg.apiKey
  const replica = await primary.replicate(DELAY)
  const road = await faultProxy({ target: replica.url })
  t.teardown(() => road.stop())
  const readUrl = new URL(replica.url)
  readUrl.port = String(road.port)

  const adminToken = 'replica-test-admin-token-0123456789'
  const simulator = await startSimulator(t, { SIMULATOR_FIRST_TOKEN_MS: '0', SIMULATOR_GAP_MS: '0' })
  const settings = {
    DATABASE_URL: primary.url,
    DATABASE_READ_URL: readUrl.href,
    LLM_BASE_URL: simulator.baseUrl,
    ADMIN_TOKEN: adminToken
  }
  const apis = [await startApi(t, settings), await startApi(t, settings)] as const
  const callers: Caller[] = Array.from({ length: CALLERS }, (_unused, index) => {
    const [write, read] = index % 2 === 0 ? apis : [apis[1], apis[0]]
    return { write, read }
  })
  const onPrimary = new pg.Client(primary.adminUrl.replace(/postgres$/, 'semibot'))
  await onPrimary.connect()
  t.teardown(() => onPrimary.end())
  const onReplica = new pg.Pool({ connectionString: replica.adminUrl.replace(/postgres$/, 'semibot'), max: CALLERS })
  // It is stopped below.
  onReplica.on('error', () => {})
  t.teardown(() => onReplica.end())

  /** Reads of both processes so far, by why a server answered them. */
  const reads = async () => {
    const samples = await Promise.all(apis.map(({ baseUrl }) => readMetrics(baseUrl)))
    const of = (reason: string) => sumOf(samples, `db_reads_total{reason="${reason}"}`)
    return { caughtUp: of('caught_up'), behind: of('behind'), failed: of('failed'), notAReplica: of('not_a_replica') }
  }

  /** A chat on one process, and at once its messages from the other: whether the answer is among them. */
  const chatAndRead = async ({ write, read }: Caller): Promise<{ sessionId: string; fresh: boolean }> => {
    const message = `Hello ${randomUUID()} [[sim:length=3]]`
    const chat = (await call(write, key, 'POST', '/chat', { message, stream: false })) as {
      sessionId: string
      message: { content: string }
    }
    const messages = (await call(read, key, 'GET', `/sessions/${chat.sessionId}/messages`)) as {
      role: string
      content: string
      status: string
    }[]
    const [answer, question] = messages
    const fresh = question?.content === message && answer?.status === 'complete' && answer.content !== ''
    return { sessionId: chat.sessionId, fresh }
  }

  /** A new title on one process, and at once the session from the other. */
  const renameAndRead = async ({ write, read }: Caller, sessionId: string): Promise<boolean> => {
    const title = randomUUID()
    await call(write, key, 'PATCH', `/sessions/${sessionId}`, { title })
    const session = (await call(read, key, 'GET', `/sessions/${sessionId}`)) as { title: string }
    return session.title === title
  }

  /** So many rounds, each a write and a read; how many reads were stale. */
  const countStale = async (rounds: number): Promise<number> => {
    let stale = 0
    let left = rounds
    const work = async (caller: Caller) => {
      let sessionId = ''
      while (left-- > 0) {
        if (sessionId === '' || left % 4 === 0) {
          const chat = await chatAndRead(caller)
          sessionId = chat.sessionId
          if (!chat.fresh) stale++
        } else if (!(await renameAndRead(caller, sessionId))) stale++
      }
    }
    await Promise.all(callers.map(work))
    return stale
  }

  t.test('the same writes, read from the replica without asking how far it is, are stale', async (t) => {
    let stale = 0
    for (let round = 0; round < 50; round++) {
      const title = randomUUID()
      const { sessionId } = await chatAndRead(callers[0] as Caller)
      await call(apis[0], key, 'PATCH', `/sessions/${sessionId}`, { title })
      const { rows } = await onReplica.query('select title from sessions where id = $1', [sessionId])
      if (rows[0]?.title !== title) stale++
    }
    t.ok(stale > 0, `${stale} of 50 stale: this replica would show it if nobody waited for it`)
  })

  t.test(`${ROUNDS} reads at once after a write, on another process: none is stale`, async (t) => {
    await onPrimary.query('select pg_stat_statements_reset()')
    const before = await reads()
    const startedAt = performance.now()
    t.equal(await countStale(ROUNDS), 0)
    const seconds = (performance.now() - startedAt) / 1000
    const after = await reads()
    const caughtUp = after.caughtUp - before.caughtUp
    t.equal(after.caughtUp + after.behind - before.caughtUp - before.behind, ROUNDS, 'each read is counted')
    t.ok(caughtUp > ROUNDS / 2, `${caughtUp} of ${ROUNDS} were answered by the replica`)
    const { rows } = await onPrimary.query(
      `select sum(calls)::int as calls, (sum(total_exec_time) * 1000 / sum(calls))::int as us from pg_stat_statements
       where query like '%pg_current_wal_flush_lsn%' and query not like '%pg_stat_statements%'`
    )
    const [{ calls, us }] = rows as [{ calls: number; us: number }]
    t.ok(calls <= ROUNDS, 'the primary is asked at most once for each read')
    t.comment(`${ROUNDS} writes and reads in ${seconds.toFixed(1)} s; ${calls} questions to the primary, ${us} us each`)
  })

  t.test("an organisation's figures, its sessions and an execution come from the replica", async (t) => {
    const before = await reads()
    const { sessionId } = await chatAndRead(callers[0] as Caller)
    const sessions = (await call(apis[1], key, 'GET', '/sessions?limit=1')) as { id: string }[]
    t.equal(sessions[0]?.id, sessionId, 'the newest session is the first of the list')
    const figures = (await call(apis[1], adminToken, 'GET', `/runtime/metrics/${runtimeOrg.id}`)) as {
      direct: { success: number }
    }
    t.ok(figures.direct.success > ROUNDS / 4)
    const after = await reads()
    t.equal(after.caughtUp + after.behind - before.caughtUp - before.behind, 3)
  })

  t.test('semibot doctor sees a replica', async (t) => {
    // Neither the services' own addresses nor the rest of the machine matter here, so its exit code does not, either.
    const output = await runCli(['doctor', '--json'], { ...env, DATABASE_READ_URL: replica.url }).catch(
      ({ cause }: Error) => (cause as { stdout: string }).stdout
    )
    t.match(output, /"check": ?"replica",\s*"state": ?"ok",\s*"message": ?"\d+ bytes behind/)
  })

  t.test('a replica that stands still is not waited for: the primary answers', async (t) => {
    await onReplica.query('select pg_wal_replay_pause()')
    const before = await reads()
    t.equal(await countStale(40), 0)
    const after = await reads()
    t.equal(after.behind - before.behind, 40)
    await onReplica.query('select pg_wal_replay_resume()')
    await waitFor(async () => (await chatAndRead(callers[0] as Caller)) && (await reads()).caughtUp > after.caughtUp, {
      what: 'the replica to answer again'
    })
    t.pass('and when it goes on, it answers again')
  })

  t.test('a replica that hangs or dies costs no read, and is used again when it is back', async (t) => {
    await road.set({ kind: 'hang' })
    t.equal(await countStale(40), 0)
    const hung = await reads()
    t.ok(hung.failed > 0, 'it was asked, and given up')
    await road.set({ kind: 'none' })
    await replica.stop('SIGQUIT')
    t.equal(await countStale(40), 0)
    const ready = await fetch(`${apis[0].baseUrl}/ready`)
    t.equal(ready.status, 200, 'the process stays ready')
    t.match(await ready.json(), { dependencies: { 'postgres replica': { state: 'down' } } })
    await replica.start()
    const down = await reads()
    await waitFor(async () => (await chatAndRead(callers[0] as Caller)) && (await reads()).caughtUp > down.caughtUp, {
      what: 'the replica to answer again'
    })
    const isUsed = async ({ baseUrl }: TestService) =>
      (await (await fetch(`${baseUrl}/ready`)).text()).includes('"postgres replica":{"state":"up"}')
    await waitFor(async () => (await isUsed(apis[0])) || (await isUsed(apis[1])), { what: '/ready to say so' })
    t.pass('/ready says so')
  })

  t.test('a replica that was promoted is a server of its own, and answers no read', async (t) => {
    await onReplica.query('select pg_promote()')
    const before = await reads()
    t.equal(await countStale(40), 0)
    t.ok((await reads()).notAReplica > before.notAReplica)
    t.equal((await reads()).caughtUp, before.caughtUp)
  })

  t.test('the slow queries of the operations document are listed, on the role of the services', async (t) => {
    const client = new pg.Client(primary.url)
    await client.connect()
    const { rows } = await client.query<{ query: string; mean_exec_time: number }>(
      'SELECT query, calls, mean_exec_time FROM pg_stat_statements ORDER BY mean_exec_time DESC LIMIT 1000'
    )
    await client.end()
    t.ok(rows.some(({ query }) => query.includes('semibot_accept_turns_')))
    const pages = rows.filter(({ query }) => /from "(messages|sessions)"/.test(query))
    for (const { query, mean_exec_time } of pages) {
      t.comment(
        `${Math.round(mean_exec_time * 1000)} us on the primary: ${query.replace(/select .*? from/, 'select ... from')}`
      )
    }
    t.notOk(
      rows.some(({ query }) => query.includes('Hello')),
      'and hold nothing that was said'
    )
  })
}
