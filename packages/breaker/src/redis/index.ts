import type { FallbackStore } from '../store/store.ts'
import type { RedisStoreOptions } from './options.ts'
import { RedisStore } from './redis-store.ts'

export type { RedisClient, RedisSubscriber } from './client.ts'
export type { RedisStoreOptions } from './options.ts'

/**
 * Shares the product state between all processes that use the same Redis and pool. The connections stay the
 * caller's, who closes them; they should fail fast (`enableOfflineQueue: false`, `maxRetriesPerRequest: 0`)
 * and reconnect by themselves.
 */
export function createRedisStore(options: RedisStoreOptions): FallbackStore {
  return new RedisStore(options)
}
