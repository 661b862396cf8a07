import { createHash } from 'node:crypto'
import type { ChatEvent } from '@semibot/chat-protocol'
import type { Redis } from 'ioredis'
import type { ExecutionIdentity } from './event-log.ts'
import { type EventStore, TAKEN } from './event-mirror.ts'

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

/** The events of an execution that this process goes on with. */
export interface TakenOver {
  batches: StoredBatch[]
  epoch: number
}

/** Events as they were read back. */
export interface StoredBatch {
  identity: ExecutionIdentity
  events: ChatEvent[]
}

/**
 * Adds a batch behind the events before it and nowhere else, and answers with the number of the last event. So nothing
 * leaves a hole: not a batch that comes twice because its first answer was lost, not one that was late on another
 * connection, not one for a stream that has expired, was flushed, or has lost its end with a primary. Answers -1, and
 * does nothing, to a process that another one has followed.
 *
 * KEYS: the stream. ARGV: numbers of the first and the last event, batches kept, milliseconds kept, owner, events, epoch.
 */
const APPEND = script(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local reached, epoch = 0, 0
if last[1] then reached, epoch = string.match(last[1][1], '^(%d+)-(%d+)$') end
if tonumber(epoch) > tonumber(ARGV[7]) then return -1 end
reached = tonumber(reached)
if tonumber(ARGV[1]) == reached + 1 then
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], ARGV[2] .. '-' .. ARGV[7], 'who', ARGV[5], 'events', ARGV[6])
  reached = tonumber(ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return reached`)

/** Forgets the events, unless another process goes on with them. KEYS: the stream. ARGV: epoch. */
const ABANDON = script(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if last[1] and tonumber(string.match(last[1][1], '%d+$')) > tonumber(ARGV[1]) then return 0 end
return redis.call('DEL', KEYS[1])`)

/**
 * Begins the next epoch behind the last event, by an entry without events, and answers with it; 0 when there is nothing
 * to go on with.
 *
 * KEYS: the stream. ARGV: milliseconds kept.
 */
const TAKE_OVER = script(`
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if not last[1] then return 0 end
local reached, epoch = string.match(last[1][1], '^(%d+)-(%d+)$')
epoch = tonumber(epoch) + 1
redis.call('XADD', KEYS[1], reached .. '-' .. epoch, 'who', last[1][2][2], 'events', '[]')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return epoch`)

/**
 * Keeps events in one Redis stream per execution, `semibot:execution:{<id>}:events`: an entry is one batch, its
 * id is the number of the batch's last event, so that a range query finds where to read on, and the epoch: how many
 * processes had told the execution before the one that added it. Bounded by MAXLEN, forgotten by expiry.
 */
export class RedisEventStore implements EventStore {
  readonly #options: RedisEventStoreOptions

  constructor(options: RedisEventStoreOptions) {
    this.#options = options
  }

  async append(identity: ExecutionIdentity, events: ChatEvent[], epoch: number): Promise<number> {
    const { keepMs, maxBatches } = this.#options
    const { executionId, sessionId, messageId, orgId, userId } = identity
    // Without events the first number fits nowhere.
    const [first, last] = [events[0]?.seq ?? 0, events.at(-1)?.seq ?? 0]
    const who = JSON.stringify({ executionId, sessionId, messageId, orgId, userId })
    const batch = JSON.stringify(events)
    const reached = await this.#run(APPEND, executionId, [first, last, maxBatches, keepMs, who, batch, epoch])
    return reached === -1 ? TAKEN : reached
  }

  /**
   * Goes on with the events of a process that is gone: should it come back, what it adds is refused from here on.
   * Undefined when there are none. Rejects without Redis.
   */
  async takeOver(executionId: string): Promise<TakenOver | undefined> {
    const epoch = await this.#run(TAKE_OVER, executionId, [this.#options.keepMs])
    return epoch === 0 ? undefined : { epoch, batches: await this.read(executionId, 0) }
  }

  async abandon(executionId: string, epoch: number): Promise<void> {
    await this.#run(ABANDON, executionId, [epoch])
  }

  /** The batches that hold events after `after`; empty when there are none yet, or no longer. Rejects without Redis. */
  async read(executionId: string, after: number): Promise<StoredBatch[]> {
    const { pool } = this.#options
    if (!pool.usable) throw new Error('Redis is not usable')
    const entries = await pool.run('stream', (redis) => redis.xrange(keyOf(executionId), `${after + 1}-0`, '+'))
    return entries.flatMap(([, fields]) => parse(fields))
  }

  async #run({ source, sha }: Script, executionId: string, args: (string | number)[]): Promise<number> {
    const { pool } = this.#options
    if (!pool.usable) throw new Error('Redis is not usable')
    const parts = [1, keyOf(executionId), ...args] as const
    return await pool.run('stream', async (redis) => {
      try {
        return (await redis.evalsha(sha, ...parts)) as number
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return (await redis.eval(source, ...parts)) as number
      }
    })
  }
}

interface Script {
  source: string
  sha: string
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

function keyOf(executionId: string): string {
  return `semibot:execution:{${executionId}}:events`
}

function parse(fields: string[]): StoredBatch[] {
  const [, who, , events] = fields
  if (who === undefined || events === undefined) return []
  return [{ identity: JSON.parse(who) as ExecutionIdentity, events: JSON.parse(events) as ChatEvent[] }]
}
