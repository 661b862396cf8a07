import type { Server } from '@semibot/service-kit'
import { faultProxy, startRedis } from '@semibot/stack'
import { createTestDatabase, missingRedis, startSimulator, waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { buildTestApp, createTestOrganization } from '../../helpers/build-test-app.ts'
import { startFakeRuntime } from '../../helpers/fake-runtime.ts'
import { operatorOf } from '../../helpers/operator.ts'

const skip = missingRedis()

type Operator = ReturnType<typeof operatorOf>

/** Replicas of one api on one database, before a runtime that answers. */
async function startReplicas(t: Test, count: number, environment: Record<string, string>) {
  const simulator = await startSimulator(t)
  const runtime = await startFakeRuntime(t, (call) => {
    call.begin()
    call.finish('done')
  })
  const DATABASE_URL = environment.DATABASE_URL ?? (await createTestDatabase(t))
  const shared = {
    LLM_BASE_URL: simulator.baseUrl,
    RUNTIME_SERVICE_URL: runtime.url,
    CHAT_EXECUTION_MODE: 'runtime_orchestrator',
    ...environment,
    DATABASE_URL
  }
  const replicas: { app: Server; operator: Operator }[] = []
  for (let index = 0; index < count; index++) {
    const { app } = await buildTestApp(t, shared)
    replicas.push({ app, operator: operatorOf(app) })
  }
  const acme = await createTestOrganization(replicas[0]!.app.db, 'acme')
  const ask = async (index: number): Promise<string> => {
    const answer = await replicas[index]!.app.inject({
      method: 'POST',
      url: '/api/v1/chat',
      headers: acme.member.headers,
      payload: { message: 'hello', stream: false }
    })
    return answer.json().data.mode
  }
  return { replicas, ask }
}

/** Resolves with the status when it is as expected. */
function until(operator: Operator, what: string, condition: (status: ReturnType<typeof JSON.parse>) => boolean) {
  return waitFor(
    async () => {
      const status = await operator.status()
      return condition(status) && status
    },
    { what, timeoutMs: 10_000 }
  )
}

t.test('replicas with a Redis', { skip }, async (t) => {
  const redis = await startRedis({})
  if (redis === undefined) throw new Error('redis-server is missing')
  t.teardown(() => redis.stop())
  const { replicas, ask } = await startReplicas(t, 2, { REDIS_URL: redis.url })
  const [one, two] = replicas.map(({ operator }) => operator) as [Operator, Operator]

  await t.test('any of them answers with the figures of all', async (t) => {
    for (const index of [0, 0, 1]) t.equal(await ask(index), 'runtime_orchestrator')
    for (const operator of [one, two]) {
      const data = await waitFor(
        async () => {
          const figures = await operator.get('/metrics')
          return figures.runtime.total === 3 && figures
        },
        { what: 'the figures of both' }
      )
      t.match(data, { scope: 'cluster', replicas: 2, runtime: { success: 3 }, direct: { total: 0 } })
    }
    t.match(await until(one, 'both to be known', (status) => status.replicas === 2), {
      store: 'redis',
      degraded: false
    })
  })

  await t.test('an order to one holds on the other', async (t) => {
    await one.post('/fallback/force', { mode: 'open', reason: 'drill' })
    const forced = await until(two, 'the force', (status) => status.forced !== null)
    t.match(forced, { fallbackEnabled: true, fallbackReason: '手动强制: drill', forced: { actor: 'admin-1' } })
    t.equal(await ask(1), 'direct_llm')
    await two.post('/fallback/reset')
    t.match(await until(one, 'the reset', (status) => status.state === 'closed'), { forced: null, fallbackReason: '' })
    t.equal(await ask(0), 'runtime_orchestrator')
    const { body } = await one.call('GET', '/fallback/history')
    t.match(body.data, [{ kind: 'reset' }, { kind: 'force' }], 'each order is stored once')
    t.equal(body.data.length, 2)
  })

  await t.test('Redis goes: what was forced stays, and orders go by the database', async (t) => {
    await one.post('/fallback/force', { mode: 'open', reason: 'before' })
    await until(two, 'the force', (status) => status.forced !== null)
    await redis.stop()
    for (const operator of [one, two]) {
      t.match(await until(operator, 'the loss of Redis', (status) => status.degraded), {
        store: 'redis',
        forced: { mode: 'open', reason: 'before' }
      })
    }
    t.match(await two.get('/metrics'), { scope: 'replica', replicas: 1, runtime: { total: 1 } }, 'its own figures')
    // The other one follows orders from the moment on when it has seen that Redis is gone.
    await one.post('/fallback/force', { mode: 'closed', reason: 'while it is away' })
    await until(two, 'the other force', (status) => status.forced?.mode === 'closed')
    t.match(await two.post('/fallback/force', { mode: 'auto' }), { forced: null, stored: true })
    t.match(await until(one, 'its end', (status) => status.forced === null), { state: 'closed', degraded: true })
  })
})

t.test('replicas without a Redis follow orders by the database', async (t) => {
  const { replicas } = await startReplicas(t, 2, {})
  const [one, two] = replicas.map(({ operator }) => operator) as [Operator, Operator]
  await one.post('/fallback/force', { mode: 'open', reason: 'drill' })
  await until(two, 'the force', (status) => status.forced?.reason === 'drill')
  await one.post('/fallback/reset')
  t.match(await until(two, 'the reset', (status) => status.forced === null), {
    state: 'closed',
    fallbackEnabled: false
  })
})

t.test('the database goes away', async (t) => {
  const target = await createTestDatabase(t)
  const proxy = await faultProxy({ target })
  t.teardown(() => proxy.stop())
  const url = new URL(target)
  url.host = `127.0.0.1:${proxy.port}`
  const { replicas } = await startReplicas(t, 1, { DATABASE_URL: url.href })
  const { operator } = replicas[0]!

  for (const [index, kind] of (['refuse', 'hang'] as const).entries()) {
    await t.test(`${kind}: orders hold at once, say that they are not stored, and are stored later`, async (t) => {
      await proxy.set({ kind })
      const startedAt = performance.now()
      const reason = `while it does: ${kind}`
      const forced = await operator.post('/fallback/force', { mode: 'open', reason })
      t.ok(performance.now() - startedAt < 5000, 'without a long wait')
      t.match(forced, { stored: false, fallbackEnabled: true, forced: { reason }, history: null })
      const status = await operator.status()
      t.match(status, { forced: { reason }, history: null }, 'the state is told all the same')
      t.match(await operator.get('/metrics'), { scope: 'replica', fallbackEnabled: true })
      const reset = await operator.call('POST', '/fallback/reset')
      t.match(reset.body, { message: '回退状态已重置', data: { stored: false, forced: null, state: 'closed' } })

      await proxy.set({ kind: 'none' })
      const rows = await waitFor(
        async () => {
          const { status, body } = await operator.call('GET', '/fallback/history')
          return status === 200 && body.data.length >= 2 * (index + 1) && body.data
        },
        { what: 'both orders to be stored', timeoutMs: 15_000 }
      )
      t.match(rows, [
        { kind: 'reset', actor: 'admin-1' },
        { kind: 'force', state: 'open', detail: reason }
      ])
      t.match(await operator.status(), { forced: null, state: 'closed' }, 'and the last one holds')
    })
  }
})
