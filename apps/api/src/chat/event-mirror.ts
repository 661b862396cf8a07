import { type ChatEvent, SlotMap } from '@semibot/chat-protocol'
import type { EventReader, ExecutionEvents, ExecutionIdentity } from './event-log.ts'

/** Where the events of running executions are kept for the other replicas. */
export interface EventStore {
  /** Adds events of one execution, in order. Rejects when they could not be kept. */
  append(identity: ExecutionIdentity, events: ChatEvent[]): Promise<void>
  /** Says that the events kept so far have a hole and must not be served. */
  abandon(executionId: string): Promise<void>
}

/** How often events go out: a reader on another replica is at most so much later. */
const FLUSH_MS = 200
/** Events of one execution in one batch. */
const MAX_BATCH = 500

/**
 * Copies the events of this process's executions to a store that all replicas share, a few times a second and
 * never in the way of a stream: when the store is away, its copy ends and the execution goes on.
 */
export class EventMirror {
  readonly #store: EventStore
  readonly #mirrored = new SlotMap<{ events: ExecutionEvents; reader: EventReader }>()
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()

  constructor(store: EventStore) {
    this.#store = store
  }

  /** Begins to copy an execution. It ends by itself with the terminal event. */
  add(events: ExecutionEvents): void {
    this.#mirrored.set(events.executionId, { events, reader: events.read(0, () => {}) })
    this.#timer ??= setTimeout(() => this.#tick(), FLUSH_MS)
  }

  has(executionId: string): boolean {
    return this.#mirrored.has(executionId)
  }

  /** Sends what is there. Never rejects. */
  async catchUp(): Promise<void> {
    // One after the other: events must not overtake each other on the way.
    this.#flushing = this.#flushing.then(() => this.#copyAll())
    await this.#flushing
  }

  /** Sends what is there for the last time. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    await this.catchUp()
  }

  #tick(): void {
    void this.catchUp().then(() => {
      this.#timer = this.#mirrored.size === 0 ? undefined : setTimeout(() => this.#tick(), FLUSH_MS)
    })
  }

  async #copyAll(): Promise<void> {
    await Promise.all([...this.#mirrored.values()].map(({ events, reader }) => this.#copy(events, reader)))
  }

  async #copy(events: ExecutionEvents, reader: EventReader): Promise<void> {
    const batch: ChatEvent[] = []
    while (batch.length < MAX_BATCH) {
      const event = reader.next()
      if (event === undefined) break
      batch.push(event)
    }
    const { executionId } = events
    // Read to here, whatever becomes of it: a slow store must never hold up the execution.
    if (reader.ended || reader.expired) this.#end(executionId, reader)
    if (batch.length === 0) return
    try {
      await this.#store.append(events, batch)
    } catch {
      this.#end(executionId, reader)
      await this.#store.abandon(executionId).catch(() => {})
    }
  }

  #end(executionId: string, reader: EventReader): void {
    reader.close()
    this.#mirrored.delete(executionId)
  }
}
