import type { RedisClient, RedisSubscriber } from './client.ts'

export interface RedisStoreOptions {
  /** Carries the commands; may be shared with others. */
  client: RedisClient
  /** Carries the notices of changes. Without it a change is learned with the next look. */
  subscriber?: RedisSubscriber
  /** Name of this process among all that share the state; a new one after each restart. */
  replica: string
  /** What the state is about: part of the keys, `semibot:fb:{runtime}:v`. Default `runtime`. */
  pool?: string
  /** Longest wait for an answer, milliseconds. Default 200. */
  commandTimeoutMs?: number
}
