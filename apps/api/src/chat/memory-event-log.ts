import { type ChatEvent, SlotMap } from '@semibot/chat-protocol'
import { DEFAULT_EVENT_LOG_LIMITS, EventBuffer, type EventLogLimits } from './event-buffer.ts'
import type { EventLog, ExecutionEvents, ExecutionIdentity } from './event-log.ts'

/** An event log in this process's memory. Another process answers for the executions it runs itself. */
export class MemoryEventLog implements EventLog {
  readonly #limits: EventLogLimits
  readonly #now: () => number
  readonly #executions = new SlotMap<EventBuffer>()
  /** Ended executions, oldest first, with the time of their end. */
  readonly #ended = new Map<string, number>()
  #totalBytes = 0

  constructor(limits: EventLogLimits = DEFAULT_EVENT_LOG_LIMITS, now: () => number = Date.now) {
    this.#limits = limits
    this.#now = now
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  open(identity: ExecutionIdentity): ExecutionEvents {
    return this.#open(identity)
  }

  reopen(identity: ExecutionIdentity, earlier: readonly ChatEvent[]): ExecutionEvents {
    const events = this.#open(identity)
    for (const event of earlier) events.restore(event)
    return events
  }

  #open(identity: ExecutionIdentity): EventBuffer {
    const { executionId } = identity
    const events = new EventBuffer(identity, this.#limits, this.#now, this)
    this.#executions.set(executionId, events)
    this.expire()
    return events
  }

  /** Called by the buffers: so many bytes came to them, or went. */
  grew(bytes: number): void {
    this.#totalBytes += bytes
    if (this.#totalBytes > this.#limits.maxTotalBytes) this.#forgetOldest()
  }

  /** Called by a buffer: its execution has ended. */
  ended(executionId: string): void {
    this.#ended.set(executionId, this.#now())
  }

  get(executionId: string): ExecutionEvents | undefined {
    return this.#executions.get(executionId)
  }

  /** Forgets what ended longer ago than it is kept for. Cheap: looks only at what is due. */
  expire(): void {
    const due = this.#now() - this.#limits.keepEndedMs
    for (const [executionId, endedAt] of this.#ended) {
      if (endedAt >= due) return
      this.forget(executionId)
    }
  }

  #forgetOldest(): void {
    for (const executionId of this.#ended.keys()) {
      if (this.#totalBytes <= this.#limits.maxTotalBytes) return
      this.forget(executionId)
    }
  }

  forget(executionId: string): void {
    const events = this.#executions.get(executionId)
    if (events !== undefined) this.#totalBytes -= events.bytes
    this.#executions.delete(executionId)
    this.#ended.delete(executionId)
  }
}
