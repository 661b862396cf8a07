import type { ChatEvent } from '@semibot/chat-protocol'
import { faultProxy } from '@semibot/stack'
import { missingRedis, testRedisUrl, waitFor } from '@semibot/stack/test'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { DEFAULT_EVENT_LOG_LIMITS, type EventLogLimits } from '../../src/chat/event-buffer.ts'
import { EventMirror, TAKEN } from '../../src/chat/event-mirror.ts'
import { MemoryEventLog } from '../../src/chat/memory-event-log.ts'
import { RedisEventStore } from '../../src/chat/redis-event-store.ts'
import { newId } from '../../src/new-id.ts'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { redisPlugin } from '../../src/plugins/redis.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import { startedEvent } from '../helpers/started-event.ts'

const skip = missingRedis()
/** A proxy's reset, and a pool that tries nothing for a second. */
const AWAY = { timeoutMs: 10_000 }

/** One execution that is copied to a Redis behind a proxy. */
async function copyOne(t: Test, limits: Partial<EventLogLimits> = {}) {
  const url = new URL(testRedisUrl(t))
  const direct = new Redis(url.href)
  t.teardown(() => direct.disconnect())
  const proxy = await faultProxy({ target: `http://${url.host}` })
  t.teardown(() => proxy.stop())
  url.host = `127.0.0.1:${proxy.port}`
  const app = await buildEdge(t, { REDIS_URL: url.href }, async (app) => {
    await app.register(metricsPlugin, { version: '0.0.0-test' })
    await app.register(redisPlugin)
  })
  const pool = app.redisPool
  if (pool === null) throw new Error('expected a pool')

  const identity = { executionId: newId(), sessionId: 's', messageId: 'm', orgId: 'o', userId: null }
  const key = `semibot:execution:{${identity.executionId}}:events`
  const events = new MemoryEventLog({ ...DEFAULT_EVENT_LOG_LIMITS, ...limits }).open(identity)
  const store = new RedisEventStore({ pool, keepMs: 60_000, maxBatches: 1000 })
  const mirror = new EventMirror(store)
  t.teardown(() => mirror.flush())
  events.append(startedEvent())
  mirror.add(events)

  /** The numbers of the events in Redis, as they lie there. */
  const kept = async () => {
    const entries = await direct.xrange(key, '-', '+')
    return entries.flatMap(([, fields]) => (JSON.parse(fields[3] ?? '') as ChatEvent[]).map(({ seq }) => seq))
  }
  return {
    ...{ proxy, pool, direct, identity, key, events, store, mirror, kept },
    tell: (count: number) => {
      for (let number = 0; number < count; number++)
        events.append({ type: 'message.delta', messageId: 'm', delta: 'word ' })
    },
    /** Every event is there, once, in order. */
    whole: (what: string) =>
      waitFor(async () => (await kept()).length >= events.lastSeq, { ...AWAY, what }).then(async () =>
        t.strictSame(await kept(), numbers(events.lastSeq), what)
      )
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

t.test('what happens while Redis is away is copied when it is back', { skip }, async (t) => {
  const { proxy, pool, events, mirror, tell, whole } = await copyOne(t, { congestedBytes: 2000 })
  tell(10)
  await whole('the copy')
  await proxy.set({ kind: 'refuse' })
  tell(100)
  await waitFor(() => !pool.usable, { what: 'the pool to see it' })
  tell(600)
  t.notOk(await mirror.complete(events.executionId), 'nobody is told that all is there')
  t.ok(mirror.has(events.executionId))
  t.notOk(events.congested, 'and the execution is not held up')
  await proxy.set({ kind: 'none' })
  await whole('the copy, afterwards')
  t.ok(await mirror.complete(events.executionId))
  events.append({ type: 'execution.cancelled', reason: 'user' })
  await whole('the end')
  await waitFor(() => !mirror.has(events.executionId), { what: 'the copy to end by itself' })
})

t.test('a batch whose answer was lost is there once', { skip }, async (t) => {
  const { proxy, pool, events, mirror, kept, tell, whole } = await copyOne(t)
  tell(10)
  await whole('the copy')
  await proxy.set({ kind: 'cut', afterBytes: 0 })
  tell(10)
  await waitFor(async () => !pool.usable && (await kept()).length > 11, { what: 'a batch that nobody heard of' })
  tell(10)
  await proxy.set({ kind: 'none' })
  await whole('the copy, afterwards')
  t.ok(mirror.has(events.executionId))
})

t.test('the store adds events behind those before them and nowhere else', { skip }, async (t) => {
  const { identity, store, kept, mirror, direct, key } = await copyOne(t)
  await mirror.flush()
  const append = (events: ChatEvent[]) => store.append(identity, events, 0)
  const batch = (from: number, to: number) =>
    numbers(to)
      .slice(from - 1)
      .map((seq) => ({ type: 'message.delta', seq, ts: 0, messageId: 'm', delta: 'x' }) as ChatEvent)
  const reached = await append([])
  t.equal(reached, 1, 'asked, it says what it has')
  t.equal(await append(batch(2, 5)), 5)
  t.equal(await append(batch(2, 5)), 5, 'the same again')
  t.equal(await append(batch(4, 8)), 5, 'more of the same')
  t.equal(await append(batch(7, 8)), 5, 'not what comes next')
  await direct.script('FLUSH')
  await direct.pexpire(key, 1000)
  t.equal(await append([]), 5)
  t.ok((await direct.pttl(key)) > 50_000, 'what is asked for is kept as long as what is new')
  t.strictSame(await kept(), numbers(5))
  await store.abandon(identity.executionId, 0)
  t.equal(await append(batch(6, 7)), 0, 'nor what has no beginning')
  t.equal(await direct.exists(key), 0)
})

t.test('a Redis that was emptied, or has lost the last events, gets them again', { skip }, async (t) => {
  const { direct, key, events, mirror, tell, whole } = await copyOne(t)
  tell(10)
  await whole('the copy')
  const dump = await direct.dumpBuffer(key)
  tell(10)
  await whole('more of it')
  // As a replica that has become the primary.
  await direct.restore(key, 0, dump, 'REPLACE')
  tell(10)
  await whole('the copy after a failover')
  await direct.flushdb()
  tell(1)
  await whole('the copy after it was emptied')
  await direct.flushdb()
  t.ok(await mirror.complete(events.executionId), 'also when nothing new has happened since')
  await whole('the copy once more')
})

t.test('a copy that could only go on with a hole ends', { skip }, async (t) => {
  const { direct, key, events, mirror, tell, whole } = await copyOne(t, { maxEvents: 20 })
  for (let round = 0; round < 3; round++) {
    tell(10)
    await whole('the copy')
  }
  await direct.flushdb()
  tell(1)
  await waitFor(() => !mirror.has(events.executionId), { what: 'the end of the copy' })
  t.notOk(await mirror.complete(events.executionId))
  t.equal(await direct.exists(key), 0, 'and nobody is given what could be copied')
})

t.test('a copy takes no more memory than its buffer, and none after the end', { skip }, async (t) => {
  const { proxy, pool, events, mirror, tell, whole } = await copyOne(t, { maxEvents: 20 })
  tell(10)
  await whole('the copy')
  await proxy.set({ kind: 'refuse' })
  await waitFor(() => pool.report().state === 'down', { what: 'the pool to see it' })
  tell(30)
  await waitFor(() => !mirror.has(events.executionId), { what: 'the end of the copy' })

  const short = await copyOne(t)
  await short.proxy.set({ kind: 'refuse' })
  short.events.append({ type: 'execution.cancelled', reason: 'user' })
  await waitFor(() => !short.mirror.has(short.events.executionId), { what: 'the end of what has ended' })
})

t.test('what was handed over stays, and a Redis that hangs is not waited for', { skip }, async (t) => {
  const { proxy, events, mirror, kept, tell } = await copyOne(t)
  tell(10)
  t.ok(await mirror.complete(events.executionId))
  await proxy.set({ kind: 'hang' })
  const since = performance.now()
  t.notOk(await mirror.complete(events.executionId))
  t.ok(performance.now() - since < 900, 'a stream that is ended instead has a second')
  await proxy.set({ kind: 'none' })
  await waitFor(() => mirror.complete(events.executionId), { what: 'Redis to be used again' })
  events.fail()
  await waitFor(() => !mirror.has(events.executionId), { what: 'the copy to end' })
  t.strictSame(await kept(), numbers(11))
})

t.test('a process that was taken for dead leaves the copy to the one that goes on with it', { skip }, async (t) => {
  const { events, identity, store, mirror, tell, kept, whole } = await copyOne(t)
  tell(3)
  await whole('before it was paused')
  const { lastSeq } = events
  const taken = await store.takeOver(identity.executionId)
  t.match(taken, { epoch: 1, batches: [{ identity: { orgId: 'o' } }] })
  const next = { type: 'message.delta', messageId: 'm', delta: 'on', ts: 0 } as const
  t.equal(await store.append(identity, [{ ...next, seq: lastSeq + 1 }], 1), lastSeq + 1)
  // It may well be ahead: a runtime's events of all that time waited in its socket.
  tell(5)
  t.ok(await mirror.complete(identity.executionId), 'nobody lacks what it has')
  t.strictSame(await kept(), numbers(lastSeq + 1), 'and nothing of it is mixed into the other story')
  t.equal(await store.append(identity, [{ ...next, seq: lastSeq + 2 }], 1), lastSeq + 2)
  const second = await store.takeOver(identity.executionId)
  t.equal(second?.epoch, 2, 'the adopter may die as well')
  t.strictSame(
    second?.batches.flatMap((batch) => batch.events).map(({ seq }) => seq),
    numbers(lastSeq + 2)
  )
  t.equal(await store.append(identity, [{ ...next, seq: lastSeq + 3 }], 1), TAKEN)
  await store.abandon(identity.executionId, 1)
  events.append({ type: 'execution.cancelled', reason: 'user' })
  await waitFor(() => !mirror.has(identity.executionId), { ...AWAY, what: 'what is not copied to be forgotten' })
  t.strictSame(await kept(), numbers(lastSeq + 2))
  t.equal(await store.takeOver(newId()), undefined, 'there is nothing to go on with')
})
