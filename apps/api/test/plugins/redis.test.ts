import { type RunningRedis, startRedis } from '@semibot/stack'
import { missingRedis, testRedisUrl, waitFor } from '@semibot/stack/test'
import { Redis } from 'ioredis'
import t from 'tap'
import { REDIS_POOL_SIZE, REDIS_TIMEOUT_MS } from '../../src/constants/config.ts'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { redisPlugin } from '../../src/plugins/redis.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/test-scope.ts'

const skip = missingRedis()

async function build(t: TestScope, environment: Record<string, string>) {
  const app = await buildEdge(t, environment, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(redisPlugin)
  })
  const pool = app.redisPool
  if (pool === null) throw new Error('expected a pool')
  return { app, pool }
}

async function startOwnRedis(t: TestScope, options: { port?: number; password?: string } = {}): Promise<RunningRedis> {
  const redis = await startRedis(options)
  if (redis === undefined) throw new Error('redis-server is missing')
  t.teardown(() => redis.stop())
  return redis
}

t.test('without REDIS_URL there is no pool', async (t) => {
  const app = await buildEdge(t, {}, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(redisPlugin)
  })
  t.equal(app.redisPool, null)
})

t.test('REDIS_POOL_SIZE sizes the pool, whose connections are handed out in turn', { skip }, async (t) => {
  t.equal(REDIS_POOL_SIZE, 10)
  const redis = await startOwnRedis(t)
  const { pool } = await build(t, { REDIS_URL: redis.url })
  t.equal(pool.size, REDIS_POOL_SIZE)
  const clients = Array.from({ length: REDIS_POOL_SIZE }, () => pool.next())
  t.equal(new Set(clients).size, REDIS_POOL_SIZE)
  t.equal(pool.next(), clients[0])
  const list = await pool.run('client', (client) => client.client('LIST'))
  t.equal(
    String(list).trim().split('\n').length,
    REDIS_POOL_SIZE + 1,
    'and the server sees as many, and the one that listens'
  )
})

t.test('a command reaches Redis, and those of one tick leave together', { skip }, async (t) => {
  const { pool } = await build(t, { REDIS_URL: testRedisUrl(t) })
  await pool.run('set', (redis) => redis.set('key', 'value'))
  const client = pool.next()
  const answers = [client.get('key'), client.get('key'), client.get('none')]
  t.equal(client.autoPipelineQueueSize, 3)
  t.same(await Promise.all(answers), ['value', 'value', null])
  t.same(pool.report(), { state: 'up', detail: `${REDIS_POOL_SIZE} of ${REDIS_POOL_SIZE} connections` })
})

t.test('a killed Redis fails commands at once, and is used again when it is back', { skip }, async (t) => {
  const redis = await startOwnRedis(t)
  const { pool } = await build(t, { REDIS_URL: redis.url })
  await redis.stop()
  await waitFor(() => !pool.usable, { timeoutMs: 2000, what: 'the pool to see that Redis is gone' })
  t.equal(pool.report().state, 'down')
  const start = performance.now()
  await t.rejects(pool.run('get', (client) => client.get('key')))
  t.ok(performance.now() - start < REDIS_TIMEOUT_MS, 'without a wait')

  await startOwnRedis(t, { port: redis.port })
  await waitFor(() => pool.usable, { timeoutMs: 5000, what: 'the pool to be connected again' })
  t.equal(await pool.run('set', (client) => client.set('key', 'value')), 'OK')
})

t.test('a hung Redis costs one short wait, then nothing is tried for a while', { skip }, async (t) => {
  const redis = await startOwnRedis(t)
  const { pool } = await build(t, { REDIS_URL: redis.url })
  process.kill(redis.pid, 'SIGSTOP')
  t.teardown(() => process.kill(redis.pid, 'SIGCONT'))
  const start = performance.now()
  await t.rejects(
    pool.run('get', (client) => client.get('key')),
    { message: /timed out/i }
  )
  t.ok(performance.now() - start < 2 * REDIS_TIMEOUT_MS)
  t.equal(pool.usable, false)
  process.kill(redis.pid, 'SIGCONT')
  await waitFor(() => pool.usable, { timeoutMs: 5000, what: 'the pool to try again' })
  t.equal(await pool.run('get', (client) => client.get('key')), null)
})

t.test('the app starts without its Redis, and says why', { skip }, async (t) => {
  const redis = await startOwnRedis(t, { password: 'right' })
  const table: [url: string, detail: RegExp][] = [
    ['redis://127.0.0.1:1', /^0 of 10 connections, connect ECONNREFUSED/],
    [redis.url.replace('right', 'wrong'), /^0 of 10 connections, WRONGPASS/]
  ]
  for (const [url, detail] of table) {
    const { pool } = await build(t, { REDIS_URL: url })
    t.equal(pool.usable, false)
    t.match(pool.report(), { state: 'down', detail })
    t.notMatch(pool.report().detail, /wrong/, 'the password is not shown')
  }
  t.equal((await build(t, { REDIS_URL: redis.url })).pool.usable, true)
})

t.test('closing the app closes every connection', { skip }, async (t) => {
  const redis = await startOwnRedis(t)
  const { app } = await build(t, { REDIS_URL: redis.url })
  await app.close()
  const observer = new Redis(redis.url)
  t.teardown(() => observer.disconnect())
  await waitFor(
    async () =>
      String(await observer.client('LIST'))
        .trim()
        .split('\n').length === 1,
    {
      timeoutMs: 2000,
      what: 'only the observer to be connected'
    }
  )
  t.pass('closed')
})
