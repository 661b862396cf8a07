import { setTimeout as delay } from 'node:timers/promises'
import { type ChatEvent, SlotMap } from '@semibot/chat-protocol'
import { DEFAULT_EVENT_LOG_LIMITS } from './event-buffer.ts'
import type { ExecutionEvents, ExecutionIdentity } from './event-log.ts'

/** Another process goes on with the events: this one was taken for dead. As a number: beyond all that could be sent. */
export const TAKEN = Number.POSITIVE_INFINITY

/** Where the events of running executions are kept for the other replicas. */
export interface EventStore {
  /**
   * Adds events of one execution where those that are kept end, and nothing when they do not follow them. Resolves with
   * the number of the last event that is kept then, 0 when there is none: whoever copies goes on behind it; `TAKEN` when
   * a process of a later epoch does. Rejects when that is not known.
   */
  append(identity: ExecutionIdentity, events: ChatEvent[], epoch: number): Promise<number>
  /**
   * Says that nothing will be added to the events kept so far, and that they must not be served; unless a process of a
   * later epoch goes on with them.
   */
  abandon(executionId: string, epoch: number): Promise<void>
}

/** The copy of one execution's events. */
interface Copy {
  events: ExecutionEvents
  /** Number of the last event in the store, as far as is known; or `TAKEN`. */
  reached: number
  /** So many processes have told the execution before this one. */
  epoch: number
  /** The events of one execution are sent one batch after the other. */
  sending: Promise<unknown>
}

/** How often events go out: a reader on another replica is at most so much later. */
const FLUSH_MS = 200
/** Events of one execution in one batch. */
const MAX_BATCH = 500
/** Half of what a buffer keeps. */
const BEHIND = DEFAULT_EVENT_LOG_LIMITS.maxEvents / 2
/** How long a store that is away is waited for at a hand-over: a stream that is ended instead has a second to say so. */
const COMPLETE_WITHIN_MS = 500

/**
 * Copies the events of this process's executions to a store that all replicas share, a few times a second and never in
 * the way of a stream. While the store is away they wait in the execution's own buffer; a store that has forgotten or
 * lost some gets them again. When the buffer has them no more, the copy ends and the execution goes on.
 */
export class EventMirror {
  readonly #store: EventStore
  readonly #mirrored = new SlotMap<Copy>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(store: EventStore) {
    this.#store = store
  }

  /** Begins to copy an execution, behind the event `after`. It ends by itself with the terminal event. */
  add(events: ExecutionEvents, { after, epoch } = { after: 0, epoch: 0 }): void {
    this.#mirrored.set(events.executionId, { events, reached: after, epoch, sending: Promise.resolve() })
    this.#timer ??= setTimeout(() => this.#tick(), FLUSH_MS)
  }

  has(executionId: string): boolean {
    return this.#mirrored.has(executionId)
  }

  /** So much has yet to be sent of an execution that its buffer would drop some of it if much more came at once. */
  isBehind(executionId: string): boolean {
    const copy = this.#mirrored.get(executionId)
    return copy !== undefined && copy.events.lastSeq - copy.reached > BEHIND
  }

  /**
   * Sends what there is of an execution at this moment. Resolves with whether the store has it all, by its own word, or
   * gets it from another process; false when it does not answer for half a second. Never rejects.
   */
  async complete(executionId: string): Promise<boolean> {
    const copy = this.#mirrored.get(executionId)
    if (copy === undefined) return false
    const { lastSeq } = copy.events
    const until = performance.now() + COMPLETE_WITHIN_MS
    for (;;) {
      const isKnown = await this.#send(copy, true)
      if (isKnown && copy.reached >= lastSeq) return true
      if (!this.has(executionId) || performance.now() > until) return false
      if (!isKnown) await delay(FLUSH_MS)
    }
  }

  /** Sends what is there for the last time. Never rejects. */
  async flush(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#sendAll()
  }

  #tick(): void {
    void this.#sendAll().then(() => {
      const isDone = this.#closed || this.#mirrored.size === 0
      this.#timer = isDone ? undefined : setTimeout(() => this.#tick(), FLUSH_MS)
    })
  }

  async #sendAll(): Promise<void> {
    await Promise.all([...this.#mirrored.values()].map((copy) => this.#send(copy, false)))
  }

  /** `asks`: also when there is nothing to send. Resolves with whether the store has said how far it is. */
  #send(copy: Copy, asks: boolean): Promise<boolean> {
    const sent = copy.sending.then(() => this.#sendNext(copy, asks))
    copy.sending = sent
    return sent
  }

  async #sendNext(copy: Copy, asks: boolean): Promise<boolean> {
    const { events } = copy
    if (this.#mirrored.get(events.executionId) !== copy) return false
    // What the store does not have, and what nobody can give it: it would have a hole for ever.
    if (!events.keeps(copy.reached)) return this.#giveUp(copy)
    const batch = nextBatch(copy)
    if (batch.length > 0 || asks) {
      try {
        copy.reached = await this.#store.append(events, batch, copy.epoch)
      } catch {
        // Its answer is stored: the copy is not worth the memory that its events would take until the store is back.
        return events.ended && this.#giveUp(copy)
      }
    }
    const isOver = events.ended || events.failed
    if (isOver && copy.reached >= events.lastSeq) this.#mirrored.delete(events.executionId)
    return true
  }

  async #giveUp({ events, epoch }: Copy): Promise<false> {
    this.#mirrored.delete(events.executionId)
    await this.#store.abandon(events.executionId, epoch).catch(() => {})
    return false
  }
}

/** A reader that stayed would hold up the execution while the store is slow. */
function nextBatch({ events, reached }: Copy): ChatEvent[] {
  const batch: ChatEvent[] = []
  const count = Math.min(events.lastSeq - reached, MAX_BATCH)
  if (count <= 0) return batch
  const reader = events.read(reached, () => {})
  for (let event = reader.next(); event !== undefined; event = reader.next()) {
    batch.push(event)
    if (batch.length === count) break
  }
  reader.close()
  return batch
}
