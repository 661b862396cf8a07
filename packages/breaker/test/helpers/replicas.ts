import { randomUUID } from 'node:crypto'
import { type RunningRedis, startRedis } from '@semibot/stack'
import { waitFor } from '@semibot/stack/test'
import { Redis, type RedisOptions } from 'ioredis'
import type { Test } from 'tap'
import { createFallbackBreaker, type FallbackBreaker, type Pass, type Transition } from '../../src/index.ts'
import { createRedisStore, type RedisClient, type RedisSubscriber } from '../../src/redis/index.ts'
import { ExecutionFailure, ONLY, THRESHOLDS } from './simulation.ts'

const CONNECTION = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 500,
  autoResendUnfulfilledCommands: false,
  retryStrategy: () => 50
} satisfies RedisOptions

/** One api process of several that share a Redis; each with a runtime of its own mood. */
export interface Replica {
  name: string
  breaker: FallbackBreaker
  transitions: Transition[]
  probes: number[]
  /** The runtime as this replica sees it. */
  runtimeWorks: boolean
  fails(times: number): Promise<void>
  failsSoftly(times: number): Promise<void>
  succeeds(times: number): Promise<void>
  close(): Promise<void>
}

export interface ReplicaOptions {
  pool: string
  withoutNotices?: boolean
  /** Default, as for the subscriber: a connection to the url. */
  client?: RedisClient
  subscriber?: RedisSubscriber
}

let started = 0

export async function startReplica(t: Test, url: string, options: ReplicaOptions): Promise<Replica> {
  const name = `replica-${++started}`
  const connections = [new Redis(url, CONNECTION), new Redis(url, CONNECTION)] as const
  for (const connection of connections) connection.on('error', () => {})
  const [client, subscriber] = connections
  // As the api does: the connections get a moment before the first chat.
  await waitFor(() => connections.every(({ status }) => status === 'ready'), { what: 'Redis', timeoutMs: 1000 }).catch(
    () => {}
  )
  const store = createRedisStore({
    client: options.client ?? client,
    ...(options.withoutNotices ? {} : { subscriber: options.subscriber ?? subscriber }),
    replica: name,
    pool: options.pool
  })
  const replica: Replica = {
    name,
    transitions: [],
    probes: [],
    runtimeWorks: true,
    breaker: createFallbackBreaker({
      instances: [ONLY],
      thresholds: THRESHOLDS,
      store,
      probe: async () => {
        replica.probes.push(performance.now())
        if (!replica.runtimeWorks) throw new Error('refused')
      },
      onTransition: (transition) => replica.transitions.push(transition),
      onError: (error) => t.fail(`a callback threw ${error}`)
    }),
    fails: (times) => calls(times, () => Promise.reject(new ExecutionFailure('RUNTIME_UNAVAILABLE'))),
    failsSoftly: (times) => calls(times, () => Promise.reject(new ExecutionFailure('RUNTIME_INTERNAL'))),
    succeeds: (times) => calls(times, async () => {}),
    async close() {
      await replica.breaker.close()
      for (const connection of connections) connection.disconnect()
    }
  }
  async function calls(times: number, run: () => Promise<void>): Promise<void> {
    const pass = replica.breaker.admit('session') as Pass
    for (let call = 0; call < times; call++) await replica.breaker.call(pass, ONLY, run).catch(() => {})
  }
  t.teardown(() => replica.close())
  await replica.breaker.ready()
  return replica
}

/** Three replicas that have known of each other for long enough that their votes count. */
export async function startThree(t: Test, url: string, options: Partial<ReplicaOptions> = {}) {
  const pool = options.pool ?? `test-${randomUUID().slice(0, 8)}`
  const replicas = await Promise.all([0, 1, 2].map(() => startReplica(t, url, { ...options, pool })))
  const admin = new Redis(url)
  admin.on('error', () => {})
  t.teardown(() => admin.disconnect())
  await waitFor(() => replicas.every(({ breaker }) => breaker.status().replicas === 3), { what: 'three live replicas' })
  await flushes(admin, pool, 5)
  return { pool, admin, replicas: replicas as [Replica, Replica, Replica] }
}

/** Waits until every replica has told Redis so many times more. */
export async function flushes(admin: Redis, pool: string, times: number): Promise<void> {
  const attempts = async () => {
    const { '@bornAt': _, ...entries } = await admin.hgetall(`semibot:fb:{${pool}}:r`)
    return new Map(Object.entries(entries).map(([name, packed]) => [name, Number(packed.split(',')[0])]))
  }
  const before = await attempts()
  await waitFor(
    async () => {
      const now = await attempts()
      return now.size >= before.size && [...now].every(([name, count]) => count >= (before.get(name) ?? 0) + times)
    },
    { what: `${times} more messages of each replica`, timeoutMs: 10_000 }
  )
}

/** Waits until all replicas know that this is the state of all. Gives the milliseconds that it took. */
export async function all(replicas: Replica[], state: string, timeoutMs = 5000): Promise<number> {
  const start = performance.now()
  const what = `state ${state} on all replicas`
  const isThere = ({ breaker }: Replica) => {
    const status = breaker.status()
    return status.state === state && status.scope === 'cluster'
  }
  await waitFor(() => replicas.every(isThere), { what, timeoutMs, intervalMs: 1 })
  return performance.now() - start
}

/** A redis-server of this test alone, that may be stopped, killed and started again on its port. */
export async function startOwnRedis(t: Test, port?: number): Promise<RunningRedis> {
  const redis = await startRedis(port === undefined ? {} : { port })
  if (redis === undefined) throw new Error('redis-server is missing: apt-get install redis-server')
  t.teardown(async () => {
    try {
      process.kill(redis.pid, 'SIGCONT')
    } catch {
      // It has ended already.
    }
    await redis.stop()
  })
  return redis
}

/** A connection that can be cut: then every command fails at once and reaches nobody. */
export function createCuttableClient(t: Test, url: string): { client: RedisClient; cut(): void; mend(): void } {
  const connection = new Redis(url)
  t.teardown(() => connection.disconnect())
  let isCut = false
  const through = <T>(run: () => Promise<T>) => (isCut ? Promise.reject(new Error('cut')) : run())
  return {
    client: {
      evalsha: (...args) => through(() => connection.evalsha(...args)),
      eval: (...args) => through(() => connection.eval(...args))
    },
    cut() {
      isCut = true
    },
    mend() {
      isCut = false
    }
  }
}
