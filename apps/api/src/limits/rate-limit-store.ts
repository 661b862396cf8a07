import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { RedisPool } from '../plugins/redis.ts'
import { createWindowCounter } from './window-counter.ts'

/** Counts one request and says how many there were in the window, and when it ends. One round trip. */
const COUNT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  return { count, tonumber(ARGV[1]) }
end
return { count, redis.call('PTTL', KEYS[1]) }`

export interface RateLimitStoreOptions {
  pool: RedisPool | null
  windowMs: number
  /** Keys that are counted in this process while there is no Redis. */
  maxKeys: number
}

/**
 * Counts requests for @fastify/rate-limit: over all replicas while Redis answers, otherwise those of
 * this process. A limit never fails a request because Redis does.
 */
export function createRateLimitStore(options: RateLimitStoreOptions): FastifyRateLimitStoreCtor {
  const { pool, windowMs } = options
  const local = createWindowCounter(options)

  async function countInRedis(redisPool: RedisPool, key: string): Promise<{ current: number; ttl: number }> {
    const reply = await redisPool.run('eval', (redis) => redis.eval(COUNT, 1, `semibot:rate:{${key}}`, windowMs))
    const [current, ttl] = reply as [number, number]
    return { current, ttl }
  }

  async function count(key: string): Promise<{ current: number; ttl: number }> {
    if (pool?.usable) {
      try {
        return await countInRedis(pool, key)
      } catch {
        // Counted here instead; the pool itself logs that Redis is gone.
      }
    }
    const { count: current, endsInMs: ttl } = local.increment(key)
    return { current, ttl }
  }

  return class RateLimitStore implements FastifyRateLimitStore {
    incr(key: string, callback: Parameters<FastifyRateLimitStore['incr']>[1]): void {
      void count(key).then((result) => callback(null, result))
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}
