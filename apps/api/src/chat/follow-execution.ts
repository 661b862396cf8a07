import { isTerminal } from '@semibot/chat-protocol'
import type { ExecutionRecord } from '@semibot/db'
import { DEFAULT_EVENT_LOG_LIMITS, EventBuffer } from './event-buffer.ts'
import type { ExecutionEvents } from './event-log.ts'
import type { StoredBatch } from './redis-event-store.ts'
import { storedEvents } from './stored-events.ts'

export interface FollowOptions {
  read: (executionId: string, after: number) => Promise<StoredBatch[]>
  /** The stored execution, to see whether it has ended by other means. */
  find: (orgId: string, executionId: string) => Promise<ExecutionRecord | undefined>
}

const POLL_MS = 200
/** After so many polls without news the database is asked whether there will be any. */
const QUIET_POLLS = 25
/** The first reader comes once the database has said that it may; no query takes as long as so many polls. */
const UNREAD_POLLS = 100

/**
 * The events of an execution that runs in another process, read from the shared store into a buffer of this one,
 * until nobody reads them any more. Undefined when the store does not have them.
 */
export async function followExecution(
  options: FollowOptions,
  executionId: string,
  after: number
): Promise<ExecutionEvents | undefined> {
  const read = (from: number) => options.read(executionId, from).catch(() => [])
  const batches = await read(after)
  // Nothing new: but whoever has seen all that is there may wait for what comes.
  const known = batches.length > 0 || after === 0 ? batches : await read(0)
  const first = known[0]
  if (first === undefined) return undefined
  const firstSeq = batches[0]?.events[0]?.seq ?? after + 1
  if (batches.length === 0 && known.some((batch) => batch.events.some(isTerminal))) return undefined
  const events = new EventBuffer(first.identity, DEFAULT_EVENT_LOG_LIMITS, Date.now, undefined, firstSeq)
  feed(events, batches)
  if (!events.ended) void poll(options, events)
  return events
}

async function poll(options: FollowOptions, events: EventBuffer): Promise<void> {
  let hadReader = false
  let unread = 0
  for (let quiet = 0; !events.ended; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    hadReader ||= events.readers > 0
    if (events.readers === 0) {
      if (hadReader || ++unread === UNREAD_POLLS) return
      continue
    }
    const batches = await options.read(events.executionId, events.lastSeq).catch(() => [])
    if (feed(events, batches)) quiet = 0
    if (quiet < QUIET_POLLS) continue
    quiet = 0
    const record = await options.find(events.orgId, events.executionId).catch(() => 'unknown' as const)
    if (record === undefined) {
      // Its session was deleted, and whoever ran it has not told its end: a reader that asks again hears that it is gone.
      events.fail()
      return
    }
    if (record === 'unknown' || record.status === 'running' || record.status === 'waiting_approval') continue
    await tellEnd(options, events, record)
  }
}

/** The end as it is stored, with the whole answer: what came last may be in no event that can be read. */
async function tellEnd(options: FollowOptions, events: EventBuffer, record: ExecutionRecord): Promise<void> {
  const earlier = await options.read(events.executionId, 0).catch(() => [])
  const told = earlier.flatMap((batch) => batch.events)
  const begun = told.some(({ type }) => type === 'message.started')
  // Not from before the first event that was read: whoever begins there may have heard another story under its numbers.
  const whole = told.findLast((event) => event.type === 'message.completed' && events.at(event.seq) !== 'dropped')
  for (const { seq: _seq, ts: _ts, ...body } of storedEvents(record)) {
    if (body.type === 'execution.started' || (body.type === 'message.started' && begun)) continue
    if (body.type === 'message.completed' && whole?.type === body.type && body.content === whole.content) continue
    events.append(body)
  }
}

/** Adds what is new; true when there was anything. A hole ends the buffer as it would end a cut connection. */
function feed(events: EventBuffer, batches: StoredBatch[]): boolean {
  let added = false
  for (const event of batches.flatMap((batch) => batch.events)) {
    if (event.seq <= events.lastSeq) continue
    if (event.seq > events.lastSeq + 1) {
      events.fail()
      return added
    }
    events.restore(event)
    added = true
    if (isTerminal(event)) return added
  }
  return added
}
