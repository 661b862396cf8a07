import type { ChatEvent } from '@semibot/chat-protocol'
import type { Redis } from 'ioredis'
import type { ExecutionIdentity } from './event-log.ts'
import type { EventStore } from './event-mirror.ts'

/** The connections that the store uses; see plugins/redis.ts. */
export interface RedisRunner {
  readonly usable: boolean
  run<T>(name: string, command: (redis: Redis) => Promise<T>): Promise<T>
}

export interface RedisEventStoreOptions {
  pool: RedisRunner
  /** How long the events are kept after the last one. */
  keepMs: number
  /** Batches kept per execution, about. */
  maxBatches: number
}

/** Events as they were read back. */
export interface StoredBatch {
  identity: ExecutionIdentity
  events: ChatEvent[]
}

/**
 * Keeps events in one Redis stream per execution, `semibot:execution:{<id>}:events`: an entry is one batch, its
 * id begins with the number of the batch's last event, so that a range query finds where to read on. Bounded
 * by MAXLEN, forgotten by expiry.
 */
export class RedisEventStore implements EventStore {
  readonly #options: RedisEventStoreOptions

  constructor(options: RedisEventStoreOptions) {
    this.#options = options
  }

  async append(identity: ExecutionIdentity, events: ChatEvent[]): Promise<void> {
    const { pool, keepMs, maxBatches } = this.#options
    if (!pool.usable) throw new Error('Redis is not usable')
    const { executionId, sessionId, messageId, orgId, userId } = identity
    const key = keyOf(executionId)
    const seq = events.at(-1)?.seq ?? 0
    const who = JSON.stringify({ executionId, sessionId, messageId, orgId, userId })
    const batch = JSON.stringify(events)
    await pool.run('stream', async (redis) => {
      const added = redis.xadd(key, 'MAXLEN', '~', maxBatches, `${seq}-0`, 'who', who, 'events', batch)
      await Promise.all([added, redis.pexpire(key, keepMs)])
    })
  }

  async abandon(executionId: string): Promise<void> {
    await this.#options.pool.run('del', (redis) => redis.del(keyOf(executionId)))
  }

  /** The batches that hold events after `after`; empty when there are none yet, or no longer. Rejects without Redis. */
  async read(executionId: string, after: number): Promise<StoredBatch[]> {
    const { pool } = this.#options
    if (!pool.usable) throw new Error('Redis is not usable')
    const entries = await pool.run('stream', (redis) => redis.xrange(keyOf(executionId), `${after + 1}-0`, '+'))
    return entries.flatMap(([, fields]) => parse(fields))
  }
}

function keyOf(executionId: string): string {
  return `semibot:execution:{${executionId}}:events`
}

function parse(fields: string[]): StoredBatch[] {
  const [, who, , events] = fields
  if (who === undefined || events === undefined) return []
  return [{ identity: JSON.parse(who) as ExecutionIdentity, events: JSON.parse(events) as ChatEvent[] }]
}
