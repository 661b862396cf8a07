import type { ChatMode } from '@semibot/chat-protocol'
import { z } from 'zod'
import type { RedisPool } from '../plugins/redis.ts'
import { COUNTS } from './execution-counts.ts'
import type { ModeSnapshot } from './recent-executions.ts'

export type Snapshot = Record<ChatMode, ModeSnapshot>

/** Figures of all replicas, each of which writes its own into one Redis hash. */
export interface SharedExecutions {
  /** Writes this replica's. Rejects when Redis does not take them. */
  publish(): Promise<void>
  /** This replica's, as they are now, and those of every other live one; null while Redis cannot be used. */
  collect(): Promise<Snapshot[] | null>
  /** Takes this replica's away. */
  retire(): Promise<void>
}

export interface SharedExecutionsOptions {
  pool: RedisPool
  instanceId: string
  read: () => Snapshot
}

const KEY = 'semibot:metrics:{runtime}'
/** A replica that has not written for this long is gone, and what it counted with it. */
const LIVE_MS = 5000
const KEEP_MS = 60_000
/** Every so many writes the fields of replicas that are gone are looked for. */
const TIDY_EVERY = 60

/** Writes a field, with the time of the server, since the clocks of replicas differ; reads the live ones on demand. */
const EXCHANGE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local live = {}
if ARGV[5] == 'write' then return live end
local fields = redis.call('HGETALL', KEYS[1])
for index = 1, #fields, 2 do
  local at, value = string.match(fields[index + 1], '^(%d+) (.*)$')
  if at and now - tonumber(at) <= tonumber(ARGV[4]) then
    if fields[index] ~= ARGV[1] then live[#live + 1] = value end
  else
    redis.call('HDEL', KEYS[1], fields[index])
  end
end
return live`

const modeSchema = z.object({ counts: z.array(z.number()).length(COUNTS), inFlight: z.number() })
const snapshotSchema = z.object({ direct_llm: modeSchema, runtime_orchestrator: modeSchema })

export function createSharedExecutions({ pool, instanceId, read }: SharedExecutionsOptions): SharedExecutions {
  let writes = 0

  async function exchange(how: 'write' | 'read', own: Snapshot): Promise<string[]> {
    const parts = [KEY, instanceId, JSON.stringify(own), KEEP_MS, LIVE_MS, how] as const
    return (await pool.run('eval', (redis) => redis.eval(EXCHANGE, 1, ...parts))) as string[]
  }

  return {
    async publish() {
      if (!pool.usable) return
      await exchange(writes++ % TIDY_EVERY === 0 ? 'read' : 'write', read())
    },
    async collect() {
      if (!pool.usable) return null
      const own = read()
      try {
        const others = (await exchange('read', own)).map(parseSnapshot)
        return [own, ...others.filter((other) => other !== undefined)]
      } catch {
        return null
      }
    },
    async retire() {
      if (pool.usable) await pool.run('del', (redis) => redis.hdel(KEY, instanceId))
    }
  }
}

/** undefined for what another version has written, which counts other things. */
function parseSnapshot(text: string): Snapshot | undefined {
  try {
    return snapshotSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
