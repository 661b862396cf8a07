import { createServer as createHttpServer } from 'node:http'
import { createTestDatabase, startSimulator, waitFor } from '@semibot/stack/test'
import pg from 'pg'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'
import type { TestScope } from '../helpers/test-scope.ts'

/** A real server that answers /health with the given status. */
async function startHealthServer(t: TestScope, status: number): Promise<{ url: string; asked: () => number }> {
  let asked = 0
  const server = createHttpServer((_request, response) => {
    asked++
    response.writeHead(status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}`, asked: () => asked }
}

t.test('with everything there, each dependency is named and up', async (t) => {
  const simulator = await startSimulator(t)
  const runtime = await startHealthServer(t, 200)
  const broken = await startHealthServer(t, 500)
  const { app } = await buildTestApp(t, {
    LLM_BASE_URL: simulator.baseUrl,
    CHAT_EXECUTION_MODE: 'runtime_orchestrator',
    RUNTIME_SERVICE_URL: `${runtime.url},${broken.url},http://127.0.0.1:1`
  })
  const answer = await app.inject('/ready')
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), {
    status: 'ready',
    dependencies: {
      postgres: { state: 'up' },
      redis: { state: 'off', detail: 'no REDIS_URL; state is kept in this process' },
      [`runtime ${new URL(runtime.url).host}`]: { state: 'up' },
      [`runtime ${new URL(broken.url).host}`]: { state: 'down', detail: 'answers /health with 500' },
      'runtime 127.0.0.1:1': { state: 'down', detail: 'cannot be reached' },
      llm: { state: 'up' }
    }
  })
  await Promise.all(Array.from({ length: 20 }, () => app.inject('/ready')))
  t.ok(runtime.asked() <= 3, 'many probes make one check, beside those that are made each second anyway')
  const { started = 0 } = await simulator.stats()
  t.equal(started, 0, 'and no model call')
})

t.test('several processes that share nothing say so', async (t) => {
  const { app: one, databaseUrl } = await buildTestApp(t)
  const alone = (await one.inject('/ready')).json()
  t.equal(alone.dependencies.redis.detail, 'no REDIS_URL; state is kept in this process')
  await buildTestApp(t, { DATABASE_URL: databaseUrl })
  const expected = 'no REDIS_URL, and 2 api processes: each decides the fallback by itself'
  await waitFor(async () => (await one.inject('/ready')).json().dependencies.redis.detail === expected, {
    timeoutMs: 20_000,
    what: 'both to be counted'
  })
  t.equal((await one.inject('/ready')).statusCode, 200, 'chats are served all the same')
})

t.test('a runtime that no chat is sent to is not asked', async (t) => {
  const runtime = await startHealthServer(t, 200)
  const { app } = await buildTestApp(t, { RUNTIME_SERVICE_URL: runtime.url })
  const { dependencies } = (await app.inject('/ready')).json()
  t.match(dependencies, { [`runtime ${new URL(runtime.url).host}`]: { state: 'off' }, llm: { state: 'down' } })
  t.equal(runtime.asked(), 0)
})

t.test('without the migrations the process is not ready, and says so', async (t) => {
  const { app } = await buildTestApp(t, { DATABASE_URL: await createTestDatabase(t, { migrated: false }) })
  const answer = await app.inject('/ready')
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), {
    status: 'migrations_missing',
    dependencies: { postgres: { detail: 'migrations are missing' } }
  })
  t.equal((await app.inject('/health')).statusCode, 200, 'but it lives')
})

t.test('without Postgres the process is ready, callers get a 503 with Retry-After', async (t) => {
  const { app } = await buildTestApp(t, { DATABASE_URL: 'postgres://semibot:secret-password@127.0.0.1:1/semibot' })
  const answer = await app.inject('/ready')
  t.equal(answer.statusCode, 200)
  t.match(answer.json().dependencies.postgres, { state: 'down', detail: 'cannot be used' })
  t.notMatch(answer.body, /secret-password/)

  const headers = { authorization: `Bearer sb_00000000000a_${'a'.repeat(64)}` }
  const call = await app.inject({ url: '/api/v1/sessions', headers })
  t.equal(call.statusCode, 503)
  t.match(call.json().error, { code: 'OVERLOADED', message: /^The database cannot answer/ })
  t.equal(call.headers['retry-after'], '2')
})

t.test('Postgres may go and come back', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { app } = await buildTestApp(t, { DATABASE_URL: databaseUrl })
  const name = new URL(databaseUrl).pathname.slice(1)
  const admin = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })
  await admin.connect()
  t.teardown(() => admin.end())
  const seesPostgres = (state: string) =>
    waitFor(async () => (await app.inject('/ready')).json().dependencies.postgres.state === state, {
      timeoutMs: 5000,
      what: `postgres to be ${state}`
    })

  await seesPostgres('up')
  await admin.query(`alter database ${name} allow_connections false`)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  await seesPostgres('down')
  await admin.query(`alter database ${name} allow_connections true`)
  await seesPostgres('up')
  t.equal((await app.inject('/ready')).statusCode, 200)
})
