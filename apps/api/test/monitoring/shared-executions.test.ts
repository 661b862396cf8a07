import { startRedis } from '@semibot/stack'
import { missingRedis, testRedisUrl, waitFor } from '@semibot/stack/test'
import { Redis } from 'ioredis'
import t from 'tap'
import { createRecentExecutions } from '../../src/monitoring/recent-executions.ts'
import { createSharedExecutions } from '../../src/monitoring/shared-executions.ts'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { redisPlugin } from '../../src/plugins/redis.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/test-scope.ts'

const skip = missingRedis()
const KEY = 'semibot:metrics:{runtime}'

async function createReplica(t: TestScope, url: string, instanceId: string) {
  const app = await buildEdge(t, { REDIS_URL: url }, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(redisPlugin)
  })
  const pool = app.redisPool
  if (pool === null) throw new Error('expected a pool')
  const recent = createRecentExecutions()
  const shared = createSharedExecutions({ pool, instanceId, read: () => recent.snapshot() })
  const successes = async () => (await shared.collect())?.map(({ direct_llm }) => direct_llm.counts[0]).sort() ?? null
  return { pool, recent, shared, successes }
}

t.test('each replica sees its own figures of this moment and the last ones of the others', { skip }, async (t) => {
  const url = testRedisUrl(t)
  const one = await createReplica(t, url, 'one')
  const two = await createReplica(t, url, 'two')
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())

  t.same(await one.successes(), [0], 'alone')
  two.recent.completed('direct_llm', 5)
  await two.shared.publish()
  t.same(await one.successes(), [0, 1])
  one.recent.completed('direct_llm', 5)
  one.recent.completed('direct_llm', 5)
  t.same(await one.successes(), [1, 2], 'its own at once')
  const expiresInMs = await redis.pttl(KEY)
  t.ok(expiresInMs > 50_000 && expiresInMs <= 60_000, `kept for ${expiresInMs} ms`)

  const longAgo = `${Date.now() - 6000} ${JSON.stringify(two.recent.snapshot())}`
  await redis.hset(KEY, 'dead', longAgo, 'older version', `${Date.now()} {"direct":1}`, 'garbage', 'x')
  t.same(await one.successes(), [1, 2], 'who is gone, or counts otherwise, does not count')
  t.same((await redis.hkeys(KEY)).sort(), ['older version', 'one', 'two'], 'and what is gone is cleared away')

  await two.shared.retire()
  t.same(await one.successes(), [2], 'a replica that stops takes its figures along')
})

t.test('without Redis there is no answer, and quickly so', { skip }, async (t) => {
  const redis = await startRedis({})
  if (redis === undefined) throw new Error('redis-server is missing')
  t.teardown(() => redis.stop())
  const { pool, shared } = await createReplica(t, redis.url, 'one')
  t.equal((await shared.collect())?.length, 1)

  process.kill(redis.pid, 'SIGSTOP')
  t.equal(await shared.collect(), null, 'hung')
  const startedAt = performance.now()
  t.equal(await shared.collect(), null)
  t.ok(performance.now() - startedAt < 100, 'the second time without a wait')
  process.kill(redis.pid, 'SIGCONT')
  await waitFor(() => pool.usable, { timeoutMs: 5000, what: 'Redis to be tried again' })
  t.equal((await shared.collect())?.length, 1, 'back')

  await redis.stop()
  await waitFor(() => !pool.usable, { timeoutMs: 2000, what: 'the pool to see that Redis is gone' })
  t.equal(await shared.collect(), null, 'gone')
  await shared.publish()
  await shared.retire()
})
