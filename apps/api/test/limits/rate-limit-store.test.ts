import { startRedis } from '@semibot/stack'
import { missingRedis, testRedisUrl, waitFor } from '@semibot/stack/test'
import { Redis } from 'ioredis'
import t from 'tap'
import { createRateLimitStore } from '../../src/limits/rate-limit-store.ts'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { type RedisPool, redisPlugin } from '../../src/plugins/redis.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/test-scope.ts'

const WINDOW_MS = 60_000
const skip = missingRedis()

async function buildPool(t: TestScope, url: string): Promise<RedisPool> {
  const app = await buildEdge(t, { REDIS_URL: url }, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(redisPlugin)
  })
  if (app.redisPool === null) throw new Error('expected a pool')
  return app.redisPool
}

function counter(pool: RedisPool | null) {
  const Store = createRateLimitStore({ pool, windowMs: WINDOW_MS, maxKeys: 10 })
  const store = new Store({})
  return (key: string) =>
    new Promise<{ current: number; ttl: number } | undefined>((resolve, reject) =>
      store.incr(key, (error, result) => (error === null ? resolve(result) : reject(error)), WINDOW_MS, 1)
    )
}

t.test('without Redis each process counts for itself', async (t) => {
  const one = counter(null)
  const other = counter(null)
  t.equal((await one('org'))?.current, 1)
  t.equal((await one('org'))?.current, 2)
  t.equal((await other('org'))?.current, 1)
})

t.test('with Redis all processes count together, in windows that end', { skip }, async (t) => {
  const url = testRedisUrl(t)
  const one = counter(await buildPool(t, url))
  const other = counter(await buildPool(t, url))
  t.same(await one('org'), { current: 1, ttl: WINDOW_MS })
  const second = await other('org')
  t.equal(second?.current, 2)
  t.ok((second?.ttl ?? 0) > 0 && (second?.ttl ?? 0) <= WINDOW_MS)
  t.equal((await one('another'))?.current, 1)

  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  const keys = await redis.keys('*')
  t.same(keys.sort(), ['semibot:rate:{another}', 'semibot:rate:{org}'])
  for (const key of keys) t.ok((await redis.pttl(key)) > 0, `${key} is forgotten`)
})

t.test('when Redis hangs or dies the process goes on counting by itself', { skip }, async (t) => {
  const redis = await startRedis()
  if (redis === undefined) throw new Error('redis-server is missing')
  t.teardown(() => redis.stop())
  const pool = await buildPool(t, redis.url)
  const count = counter(pool)
  t.equal((await count('org'))?.current, 1)
  process.kill(redis.pid, 'SIGSTOP')
  t.equal((await count('hung'))?.current, 1, 'counted here after one short wait')
  t.equal((await count('hung'))?.current, 2)
  process.kill(redis.pid, 'SIGKILL')
  await waitFor(() => pool.report().state === 'down', { timeoutMs: 2000, what: 'Redis to be gone' })
  t.equal((await count('org'))?.current, 1)
  t.equal((await count('org'))?.current, 2)
})
