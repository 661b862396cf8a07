import { createHash } from 'node:crypto'
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
 * Adds a batch behind the events before it and nowhere else, and answers with the number of the last event. So nothing
 * leaves a hole: not a batch that comes twice because its first answer was lost, not one that was late on another
 * connection, not one for a stream that has expired, was flushed, or has lost its end with a primary.
 *
 * KEYS: the stream. ARGV: numbers of the first and the last event, batches kept, milliseconds kept, owner, events.
 */
const APPEND = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local reached = 0
if last[1] then reached = tonumber(string.match(last[1][1], '^%d+')) end
if tonumber(ARGV[1]) == reached + 1 then
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], ARGV[2] .. '-0', 'who', ARGV[5], 'events', ARGV[6])
  reached = tonumber(ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return reached`

const APPEND_SHA = createHash('sha1').update(APPEND).digest('hex')

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

  async append(identity: ExecutionIdentity, events: ChatEvent[]): Promise<number> {
    const { pool, keepMs, maxBatches } = this.#options
    if (!pool.usable) throw new Error('Redis is not usable')
    const { executionId, sessionId, messageId, orgId, userId } = identity
    // Without events the first number fits nowhere.
    const [first, last] = [events[0]?.seq ?? 0, events.at(-1)?.seq ?? 0]
    const who = JSON.stringify({ executionId, sessionId, messageId, orgId, userId })
    const parts = [1, keyOf(executionId), first, last, maxBatches, keepMs, who, JSON.stringify(events)] as const
    return await pool.run('stream', async (redis) => {
      try {
        return (await redis.evalsha(APPEND_SHA, ...parts)) as number
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return (await redis.eval(APPEND, ...parts)) as number
      }
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
