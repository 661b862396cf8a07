import fastifyRedis from '@fastify/redis'
import type { DependencyReport } from '@semibot/service-kit'
import fp from 'fastify-plugin'
import { Redis, type RedisOptions } from 'ioredis'
import { REDIS_POOL_SIZE, REDIS_TIMEOUT_MS } from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** null: there is no REDIS_URL, everything is kept in this process. */
    redisPool: RedisPool | null
  }
}

/** Connections to Redis, handed out in turn. Redis is advice: every caller must do without it. */
export interface RedisPool {
  readonly size: number
  /** false: nothing is connected, or a command failed a moment ago. Callers then do not even try. */
  readonly usable: boolean
  /** The next connected client; any one when none is connected, whose commands then fail at once. */
  next(): Redis
  /**
   * Runs one command, or one script, on the next connection and times it under one of REDIS_COMMANDS.
   *
   * @throws what ioredis throws, at the latest after REDIS_TIMEOUT_MS.
   */
  run<T>(name: string, command: (redis: Redis) => Promise<T>): Promise<T>
  /** The same for a caller that copes with errors by itself: they do not make the pool unusable. */
  timed<T>(name: string, command: (redis: Redis) => Promise<T>): Promise<T>
  report(): DependencyReport
  /** A connection that only listens, beside the pool; it connects again by itself. */
  readonly subscriber: Redis
}

/** After a failed command nothing is tried for so long, so that a hung Redis slows down few calls. */
const COOLDOWN_MS = 1000

/** Longest wait at start for the first connections; the app starts without them, too. */
const START_WAIT_MS = 1000

const OPTIONS = {
  connectTimeout: 1000,
  commandTimeout: REDIS_TIMEOUT_MS,
  // A hung server leaves connections that look well; this replaces them.
  socketTimeout: 2000,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // Commands of one tick leave in one packet. It is this that makes Redis fast; more connections do not.
  enableAutoPipelining: true,
  retryStrategy: (attempt) => Math.min(attempt * 100, 2000)
} satisfies RedisOptions

/**
 * `quit` of a connection that is not up rejects under these options. @fastify/redis calls it without
 * a catch when the server refuses the password, which would end the process.
 */
class PoolConnection extends Redis {
  override quit(): Promise<'OK'> {
    return super.quit().catch(() => 'OK' as const)
  }
}

function whenReady(client: Redis): Promise<void> {
  return client.status === 'ready' ? Promise.resolve() : new Promise((resolve) => client.once('ready', resolve))
}

/** Decorates `app.redisPool`. */
export const redisPlugin = fp(
  async (app) => {
    const url = app.env.REDIS_URL
    if (url === undefined) {
      app.decorate('redisPool', null)
      return
    }

    const clients = Array.from({ length: REDIS_POOL_SIZE }, () => new PoolConnection(url, OPTIONS))
    let lastError = ''
    let isUp = false
    let turn = 0
    let retryAt = 0
    let closing = false

    const connected = () => clients.filter((client) => client.status === 'ready').length
    const detail = () => `${connected()} of ${clients.length} connections${lastError === '' ? '' : `, ${lastError}`}`
    const onChange = () => {
      const isUpNow = connected() > 0
      if (isUpNow) lastError = ''
      if (isUpNow === isUp || closing) return
      isUp = isUpNow
      if (isUp) app.log.info(LOG.redisUp)
      else app.log.warn({ detail: detail() }, LOG.redisGone)
    }

    for (const [index, client] of clients.entries()) {
      client.on('error', (error: Error) => {
        lastError = error.message
      })
      client.on('ready', onChange).on('close', onChange)
      // Called rather than registered: registering waits until the server answers, and it may be down.
      fastifyRedis.fastifyRedis(app, { client, namespace: `pool${index}` }, () => undefined)
    }

    // Subscribing waits for the connection, and it has no commands that could be late.
    const subscriber = new PoolConnection(url, {
      ...OPTIONS,
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      commandTimeout: undefined,
      socketTimeout: undefined
    })
    subscriber.on('error', () => undefined)
    fastifyRedis.fastifyRedis(app, { client: subscriber, namespace: 'subscriber' }, () => undefined)

    const pool: RedisPool = {
      subscriber,
      size: clients.length,
      get usable() {
        return isUp && performance.now() >= retryAt
      },
      next() {
        for (let tried = 0; tried < clients.length; tried++) {
          turn = (turn + 1) % clients.length
          if (clients[turn]?.status === 'ready') break
        }
        return clients[turn] as Redis
      },
      async run(name, command) {
        try {
          return await pool.timed(name, command)
        } catch (error) {
          retryAt = performance.now() + COOLDOWN_MS
          throw error
        }
      },
      async timed(name, command) {
        const start = performance.now()
        try {
          return await command(pool.next())
        } finally {
          app.dependencyMetrics.redisCommand(name, (performance.now() - start) / 1000)
        }
      },
      report() {
        return { state: isUp ? 'up' : 'down', detail: detail() }
      }
    }
    app.decorate('redisPool', pool)
    app.dependencyMetrics.observeRedis(() => ({ ready: connected(), total: clients.length }))

    app.addHook('onClose', async () => {
      closing = true
      // Not `quit`: without a connection it would wait for one.
      subscriber.disconnect()
      await Promise.all(clients.map((client) => client.quit()))
      for (const client of clients) client.disconnect()
    })

    const { promise: waited, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, START_WAIT_MS)
    await Promise.race([Promise.all(clients.map(whenReady)), waited])
    clearTimeout(timer)
    if (!isUp) app.log.warn({ detail: detail() }, LOG.redisMissing)
  },
  { name: 'redis', dependencies: ['environment', 'metrics'] }
)
