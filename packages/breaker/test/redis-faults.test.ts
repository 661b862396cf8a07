import { waitFor } from '@semibot/stack/test'
import { Redis } from 'ioredis'
import t from 'tap'
import type { RedisClient, RedisSubscriber } from '../src/redis/index.ts'
import {
  all,
  createCuttableClient,
  flushes,
  type Replica,
  startOwnRedis,
  startReplica,
  startThree
} from './helpers/replicas.ts'
import { ONLY } from './helpers/simulation.ts'

const degraded = (replicas: Replica[], expected: boolean) =>
  waitFor(() => replicas.every(({ breaker }) => breaker.status().degraded === expected), {
    what: expected ? 'every replica notices that Redis is away' : 'every replica is back with Redis',
    timeoutMs: 10_000
  })

/** Chats go on: nobody is refused for a reason of ours, and no answer waits for Redis. */
async function chatsGoOn(replicas: Replica[]): Promise<number> {
  let slowest = 0
  for (const { breaker, succeeds } of replicas) {
    for (let chat = 0; chat < 200; chat++) {
      const start = performance.now()
      if (!breaker.admit(`session-${chat}`).allowed) throw new Error('a chat was refused')
      slowest = Math.max(slowest, performance.now() - start)
    }
    await succeeds(50)
  }
  return slowest
}

t.setTimeout(180_000)
t.jobs = 3

t.test(
  'Redis is not there at the start: the runtime is used, and a dead one is left alone',
  { buffered: true },
  async (t) => {
    const replica = await startReplica(t, 'redis://127.0.0.1:1', { pool: 'nobody' })
    await chatsGoOn([replica])
    await degraded([replica], true)
    await replica.fails(5)
    t.match(replica.breaker.status(), {
      state: 'open',
      scope: 'cluster',
      reason: 'unavailable',
      degraded: true,
      replicas: 1
    })
    t.match(replica.transitions, [{ to: 'open', decidedHere: true }])
    t.match(await replica.breaker.reset('operator'), { state: 'closed' }, 'an order is obeyed all the same')
  }
)

t.test('Redis is killed and started again empty while open: open it stays', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { pool, replicas } = await startThree(t, redis.url)
  await Promise.all([replicas[0].fails(5), replicas[1].fails(5)])
  await all(replicas, 'open')
  const epoch = Math.max(...replicas.map(({ breaker }) => breaker.status().epoch))
  process.kill(redis.pid, 'SIGKILL')
  await redis.process.exited
  await degraded(replicas, true)
  for (const { breaker } of replicas) t.ok(breaker.fallback)

  const again = await startOwnRedis(t, redis.port)
  await degraded(replicas, false)
  const admin = new Redis(again.url)
  t.teardown(() => admin.disconnect())
  const record = await admin.hgetall(`semibot:fb:{${pool}}:v`)
  t.ok(Number(record.epoch) >= epoch, `epoch ${record.epoch} goes on from ${epoch}`)
  for (const { breaker, transitions } of replicas) {
    t.ok(breaker.fallback)
    t.notOk(transitions.some(({ to }) => to === 'closed'))
  }
})

t.test('Redis is wiped while open: the replicas tell it what was', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  await Promise.all([replicas[0].fails(5), replicas[1].fails(5)])
  await all(replicas, 'open')
  const { epoch } = replicas[0].breaker.status()
  await admin.flushall()
  const key = `semibot:fb:{${pool}}`
  await waitFor(async () => (await admin.hlen(`${key}:r`)) === 4, { what: 'every replica has spoken since' })
  t.match(await admin.hgetall(`${key}:v`), { epoch: String(epoch), state: 'open', rule: 'unavailable' })
  for (const { breaker } of replicas) t.match(breaker.status(), { state: 'open', epoch, degraded: false })
})

t.test('Redis falls back to an old copy: the newer state wins', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  const key = `semibot:fb:{${pool}}:v`
  const old = await admin.dumpBuffer(key)
  await replicas[0].breaker.force({ mode: 'open', reason: 'deploy', actor: 'operator', expiresInSeconds: 600 })
  await all(replicas, 'open')
  await admin.restore(key, 0, old, 'REPLACE')
  await flushes(admin, pool, 3)
  t.match(await admin.hgetall(key), { epoch: '1', state: 'open', forceMode: 'open', forceText: 'deploy' })
  await all(replicas, 'open')
})

t.test(
  'Redis hangs: no chat waits, each replica decides alone, afterwards they agree',
  { buffered: true },
  async (t) => {
    const redis = await startOwnRedis(t)
    const { replicas } = await startThree(t, redis.url)
    process.kill(redis.pid, 'SIGSTOP')
    const start = performance.now()
    const slowest = await chatsGoOn(replicas)
    t.ok(slowest < 50, `the slowest admission took ${slowest.toFixed(3)} ms`)
    await degraded(replicas, true)
    t.comment(`noticed after ${(performance.now() - start).toFixed(0)} ms`)
    await chatsGoOn(replicas)
    for (const { breaker, fails } of replicas) {
      for (let call = 0; call < 20 && !breaker.fallback; call++) await fails(5)
      t.match(breaker.status(), { state: 'open', degraded: true }, 'a runtime that dies meanwhile is left by each')
    }
    process.kill(redis.pid, 'SIGCONT')
    await degraded(replicas, false)
    await waitFor(() => new Set(replicas.map(({ breaker }) => breaker.status().epoch)).size === 1, {
      what: 'one epoch'
    })
    for (const { breaker } of replicas) t.ok(breaker.fallback, 'nobody has closed by amnesia')
  }
)

t.test('an order is obeyed here at once while Redis hangs, and by all afterwards', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { replicas } = await startThree(t, redis.url)
  process.kill(redis.pid, 'SIGSTOP')
  const start = performance.now()
  const order = { mode: 'open', reason: '维护', actor: 'operator', expiresInSeconds: 60 } as const
  t.match(await replicas[0].breaker.force(order), { state: 'open', degraded: false, forced: { reason: '维护' } })
  t.ok(performance.now() - start < 600, 'without waiting for Redis longer than for one answer')
  process.kill(redis.pid, 'SIGCONT')
  await all(replicas, 'open')
  for (const { breaker } of replicas) t.match(breaker.status(), { forced: { mode: 'open', actor: 'operator' } })
  t.equal(replicas.flatMap(({ transitions }) => transitions).filter(({ decidedHere }) => decidedHere).length, 1)
})

t.test('a replica that was cut off from everything does not take the others with it', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  const { client, cut, mend } = createCuttableClient(t, redis.url)
  const lonely = await startReplica(t, redis.url, { pool, client, withoutNotices: true })
  await flushes(admin, pool, 5)
  cut()
  await degraded([lonely], true)
  await lonely.fails(5)
  t.match(lonely.breaker.status(), { state: 'open', degraded: true, scope: 'cluster' })
  lonely.runtimeWorks = false
  for (const isGood of [false, true, false, false, false]) lonely.breaker.reportHealth(ONLY, isGood)
  await waitFor(() => lonely.transitions.length > 2, { what: 'it decides again and again', timeoutMs: 15_000 })
  mend()
  await degraded([lonely], false)
  await flushes(admin, pool, 6)
  for (const { breaker, transitions } of replicas) {
    t.match(breaker.status(), { state: 'closed', fallback: false, epoch: 0, replicas: 4 })
    t.strictSame(transitions, [])
  }
  t.match(lonely.breaker.status(), { state: 'open', scope: 'replica', epoch: 0 }, 'its view is one vote')
  for (const { from, to, scope } of lonely.transitions) if (scope === 'replica') t.equal(`${from}-${to}`, 'never')
})

t.test('an order that could not be told does not undo a later one of somebody else', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  const { client, cut, mend } = createCuttableClient(t, redis.url)
  const lonely = await startReplica(t, redis.url, { pool, client, withoutNotices: true })
  cut()
  t.match(await lonely.breaker.reset('early'), { state: 'closed' })
  await replicas[0].breaker.force({ mode: 'open', reason: 'kill switch', actor: 'later', expiresInSeconds: 60 })
  mend()
  await all([...replicas, lonely], 'open')
  await flushes(admin, pool, 4)
  for (const { breaker } of [...replicas, lonely])
    t.match(breaker.status(), { state: 'open', forced: { actor: 'later' } })
})

t.test('evidence from a hang is told once, in full, when it is over', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  const [a, b] = replicas
  await a.succeeds(10)
  process.kill(redis.pid, 'SIGSTOP')
  for (let round = 0; round < 30; round++) {
    await a.succeeds(10)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await degraded([a], true)
  await a.succeeds(5)
  process.kill(redis.pid, 'SIGCONT')
  await degraded(replicas, false)
  await flushes(admin, pool, 5)
  t.equal(b.breaker.status().window.samples, 315)
})

t.test('Redis refuses to write: the replica decides alone', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, replicas } = await startThree(t, redis.url)
  await admin.config('SET', 'maxmemory', '1')
  await degraded(replicas, true)
  await replicas[0].fails(5)
  t.match(replicas[0].breaker.status(), { state: 'open', storeProblem: /OOM/ })
  t.match(replicas[1].breaker.status(), { state: 'closed' })
  await admin.config('SET', 'maxmemory', '0')
  await degraded(replicas, false)
  t.equal(replicas[0].breaker.status().storeProblem, '')
})

t.test('notices are cut off: the listeners come back, the state is told meanwhile', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, replicas } = await startThree(t, redis.url)
  t.ok(Number(await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')) >= 3)
  await replicas[0].breaker.force({ mode: 'open', reason: '', actor: 'operator', expiresInSeconds: 60 })
  t.ok((await all(replicas, 'open')) < 1500)
})

t.test('only notices cannot connect: the state is shared all the same', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const admin = new Redis(redis.url)
  t.teardown(() => admin.disconnect())
  let asked = 0
  // As one with an offline queue whose connection never comes up.
  const subscriber: RedisSubscriber = {
    subscribe: () => {
      asked++
      return new Promise(() => {})
    },
    unsubscribe: () => new Promise(() => {}),
    on: () => {},
    off: () => {}
  }
  const { breaker } = await startReplica(t, redis.url, { pool: 'deaf', subscriber })
  for (let second = 0; second < 3; second++) {
    await flushes(admin, 'deaf', 4)
    t.match(breaker.status(), { degraded: false, storeProblem: '' })
  }
  t.equal(asked, 1, 'the first one is still waited for')
})

t.test('a script that Redis has forgotten is sent again', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  await admin.script('FLUSH')
  await flushes(admin, pool, 3)
  for (const { breaker } of replicas) t.notOk(breaker.status().degraded)
})

t.test('two halves on two masters: after the split the higher epoch holds for all', { buffered: true }, async (t) => {
  const [left, right] = await Promise.all([startOwnRedis(t), startOwnRedis(t)])
  const pool = 'split'
  const clients = [left, right].map(({ url }) => new Redis(url))
  t.teardown(() => {
    for (const client of clients) client.disconnect()
  })
  let current = clients[1] as Redis
  const switching: RedisClient = {
    evalsha: (...args) => current.evalsha(...args),
    eval: (...args) => current.eval(...args)
  }
  const a = await startReplica(t, left.url, { pool })
  const b = await startReplica(t, right.url, { pool, client: switching, withoutNotices: true })
  await b.breaker.reset('operator')
  await b.breaker.reset('operator')
  await a.breaker.force({ mode: 'open', reason: '', actor: 'operator', expiresInSeconds: 60 })
  t.match([a.breaker.status().epoch, b.breaker.status().epoch], [1, 2])
  current = clients[0] as Redis
  await waitFor(() => a.breaker.status().epoch === 2 && b.breaker.status().epoch === 2, { what: 'the same epoch' })
  t.equal(a.breaker.status().state, b.breaker.status().state)
})

t.test('garbage on the channel and in the answers stops nothing', { buffered: true }, async (t) => {
  const redis = await startOwnRedis(t)
  const { admin, pool, replicas } = await startThree(t, redis.url)
  for (const text of ['', '{', 'null', '[]', '{"replica":1,"epoch":9}', '{"replica":"x","epoch":1e9}']) {
    await admin.publish(`semibot:fb:{${pool}}:ch`, text)
  }
  await admin.publish('another', '{"replica":"x","epoch":5}')
  await flushes(admin, pool, 2)
  for (const { breaker } of replicas) t.match(breaker.status(), { state: 'closed', epoch: 0, degraded: false })
  await admin.set(`semibot:fb:{${pool}}:v`, 'no hash')
  await degraded(replicas, true)
  await chatsGoOn(replicas)
  await admin.del(`semibot:fb:{${pool}}:v`)
  await degraded(replicas, false)
})
