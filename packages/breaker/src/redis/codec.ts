import { AUTOMATIC, type Change, type Message, type Reply } from '../state/exchange.ts'
import { type FallbackRecord, shiftTimes } from '../state/record.ts'
import { MAX_STREAK } from '../state/reducer.ts'
import { type FallbackRules, JITTER } from '../state/rules.ts'
import { P95_SHARE, RECOVERY_FACTOR, SLOW_FIRST_TOKEN_RATE } from '../thresholds.ts'

/** A reply with the time on Redis's clock at which it was given. */
export interface TimedReply extends Reply {
  now: number
}

/**
 * What is published on each change: that there is one. Channels are common to all databases of a server, so
 * the state itself is only ever read from the keys.
 */
export interface Notice {
  /** Whose message made the change. */
  replica: string
  epoch: number
}

/** About so many changes stay in the audit stream. */
const LOG_LENGTH = 1000

/** The rules as the script reads them, constants included. */
export function encodeRules(rules: FallbackRules): string {
  return JSON.stringify({
    ...rules,
    jitterShare: JITTER,
    maxStreak: MAX_STREAK,
    p95Share: P95_SHARE,
    slowFirstTokenRate: SLOW_FIRST_TOKEN_RATE,
    recoveryFactor: RECOVERY_FACTOR,
    logLength: LOG_LENGTH,
    automatic: AUTOMATIC
  })
}

/** A message whose `known` record is on a clock that shows `now`. Only durations leave this process. */
export function encodeMessage(message: Message, now: number): string {
  const { command, known, ...rest } = message
  const { force, grants: _, ...relative } = shiftTimes(known, -now)
  return JSON.stringify({
    ...rest,
    ...(command === null ? {} : { command }),
    known: {
      ...relative,
      since: Math.round(relative.since),
      until: Math.round(relative.until),
      ...(force === null ? {} : { force: { ...force, until: Math.round(force.until) } })
    }
  })
}

/** @throws {TypeError | SyntaxError} when the answer is none of the script's */
export function decodeReply(answer: unknown): TimedReply {
  const reply = JSON.parse(String(answer)) as TimedReply
  return {
    now: reply.now,
    record: decodeRecord(reply.record),
    granted: reply.granted,
    live: reply.live,
    counts: reply.counts,
    changes: list<Change>(reply.changes).map((change) => ({ ...change, record: decodeRecord(change.record) }))
  }
}

/** What was published; null when it is no notice of ours. */
export function decodeNotice(text: string): Notice | null {
  try {
    const { replica, epoch } = JSON.parse(text) as Partial<Notice>
    return typeof replica === 'string' && typeof epoch === 'number' ? { replica, epoch } : null
  } catch {
    return null
  }
}

function decodeRecord(record: FallbackRecord): FallbackRecord {
  return {
    ...record,
    grants: list<number>(record.grants),
    // Rates travel as text: Lua's JSON would round them.
    value: Number(record.value),
    threshold: Number(record.threshold),
    force: record.force ?? null
  }
}

/** Lua does not know an empty list from an empty table, which becomes `{}`. */
function list<T>(value: readonly T[] | object): T[] {
  return Array.isArray(value) ? [...value] : []
}
