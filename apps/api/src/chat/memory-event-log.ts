import { type ChatEvent, type ChatEventBody, type ChatEventOf, isTerminal } from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'
import type { EventLog, EventReader, ExecutionEvents, ExecutionIdentity } from './event-log.ts'

export interface MemoryEventLogLimits {
  /** Events kept per execution. */
  maxEvents: number
  /** Approximate bytes kept per execution. */
  maxBytes: number
  /** Approximate bytes kept by the whole process; the oldest ended executions go first. */
  maxTotalBytes: number
  /** How long an ended execution is kept. */
  keepEndedMs: number
  /** A reader this many bytes behind slows the producer down. */
  congestedBytes: number
}

export const DEFAULT_EVENT_LOG_LIMITS: MemoryEventLogLimits = {
  maxEvents: 2000,
  maxBytes: 1024 * 1024,
  maxTotalBytes: 64 * 1024 * 1024,
  keepEndedMs: 600_000,
  congestedBytes: 256 * 1024
}

/** What an event costs beside its texts: the object, its numbers, its place in the buffer. */
const EVENT_OVERHEAD_BYTES = 120

/** An event log in this process's memory. Another process answers for the executions it runs itself. */
export class MemoryEventLog implements EventLog {
  readonly #limits: MemoryEventLogLimits
  readonly #now: () => number
  readonly #executions = new Map<string, MemoryExecutionEvents>()
  /** Ended executions, oldest first, with the time of their end. */
  readonly #ended = new Map<string, number>()
  #totalBytes = 0

  constructor(limits: MemoryEventLogLimits = DEFAULT_EVENT_LOG_LIMITS, now: () => number = Date.now) {
    this.#limits = limits
    this.#now = now
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  open(identity: ExecutionIdentity): ExecutionEvents {
    const { executionId } = identity
    const events = new MemoryExecutionEvents(identity, this.#limits, this.#now, {
      grew: (bytes) => {
        this.#totalBytes += bytes
        if (this.#totalBytes > this.#limits.maxTotalBytes) this.#forgetOldest()
      },
      ended: () => this.#ended.set(executionId, this.#now())
    })
    this.#executions.set(executionId, events)
    this.expire()
    return events
  }

  get(executionId: string): ExecutionEvents | undefined {
    return this.#executions.get(executionId)
  }

  /** Forgets what ended longer ago than it is kept for. Cheap: looks only at what is due. */
  expire(): void {
    const due = this.#now() - this.#limits.keepEndedMs
    for (const [executionId, endedAt] of this.#ended) {
      if (endedAt >= due) return
      this.#forget(executionId)
    }
  }

  #forgetOldest(): void {
    for (const executionId of this.#ended.keys()) {
      if (this.#totalBytes <= this.#limits.maxTotalBytes) return
      this.#forget(executionId)
    }
  }

  #forget(executionId: string): void {
    const events = this.#executions.get(executionId)
    if (events !== undefined) this.#totalBytes -= events.bytes
    this.#executions.delete(executionId)
    this.#ended.delete(executionId)
  }
}

interface Accounting {
  grew(bytes: number): void
  ended(): void
}

class MemoryExecutionEvents implements ExecutionEvents {
  readonly executionId: string
  readonly sessionId: string
  readonly messageId: string
  readonly orgId: string
  readonly userId: string | null
  readonly flow: FlowControl
  readonly #limits: MemoryEventLogLimits
  readonly #now: () => number
  readonly #accounting: Accounting
  /** Kept events; the first has number `#firstSeq`. `#start` is its place, so that dropping one is O(1). */
  #events: ChatEvent[] = []
  #sizes: number[] = []
  #start = 0
  #firstSeq = 1
  #readers: MemoryReader[] = []
  #drained: (() => void)[] = []
  bytes = 0
  lastSeq = 0
  ended = false
  started: ChatEventOf<'execution.started'> | undefined

  constructor(identity: ExecutionIdentity, limits: MemoryEventLogLimits, now: () => number, accounting: Accounting) {
    this.executionId = identity.executionId
    this.sessionId = identity.sessionId
    this.messageId = identity.messageId
    this.orgId = identity.orgId
    this.userId = identity.userId
    this.#limits = limits
    this.#now = now
    this.#accounting = accounting
    const isCongested = () => this.#congested()
    this.flow = {
      get congested() {
        return isCongested()
      },
      onDrained: (callback) => {
        this.#drained.push(callback)
      }
    }
  }

  append(body: ChatEventBody): ChatEvent {
    if (this.ended) throw new Error(`execution ${this.executionId} has ended, ${body.type} came after it`)
    const event = body as ChatEvent
    event.seq = ++this.lastSeq
    event.ts = this.#now()
    const size = sizeOf(body)
    this.#events.push(event)
    this.#sizes.push(size)
    this.bytes += size
    let grown = size
    while (this.#events.length - this.#start > this.#limits.maxEvents || this.bytes > this.#limits.maxBytes) {
      if (this.#events.length - this.#start <= 1) break
      grown -= this.#dropFirst()
    }
    this.#accounting.grew(grown)
    if (body.type === 'execution.started') this.started = body
    if (isTerminal(body)) {
      this.ended = true
      this.#accounting.ended()
    }
    for (const reader of this.#readers) reader.notify(size)
    return event
  }

  keeps(after: number): boolean {
    return after + 1 >= this.#firstSeq
  }

  read(after: number, onReadable: () => void): EventReader {
    const reader = new MemoryReader(this, after, onReadable)
    this.#readers.push(reader)
    return reader
  }

  /** Event with this number, 'dropped' when it is kept no longer, undefined when it has not happened yet. */
  at(seq: number): ChatEvent | 'dropped' | undefined {
    if (seq > this.lastSeq) return undefined
    if (seq < this.#firstSeq) return 'dropped'
    return this.#events[this.#start + seq - this.#firstSeq]
  }

  sizeAt(seq: number): number {
    if (seq < this.#firstSeq) return 0
    return this.#sizes[this.#start + seq - this.#firstSeq] ?? 0
  }

  detach(reader: MemoryReader): void {
    this.#readers = this.#readers.filter((other) => other !== reader)
    this.readerAdvanced()
  }

  readerAdvanced(): void {
    if (this.#drained.length === 0 || this.#congested()) return
    const callbacks = this.#drained
    this.#drained = []
    for (const callback of callbacks) callback()
  }

  #congested(): boolean {
    for (const reader of this.#readers) if (reader.unreadBytes > this.#limits.congestedBytes) return true
    return false
  }

  #dropFirst(): number {
    const size = this.#sizes[this.#start] ?? 0
    this.#start++
    this.#firstSeq++
    this.bytes -= size
    if (this.#start >= 512 && this.#start * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#start)
      this.#sizes = this.#sizes.slice(this.#start)
      this.#start = 0
    }
    return size
  }
}

class MemoryReader implements EventReader {
  readonly #source: MemoryExecutionEvents
  readonly #onReadable: () => void
  #nextSeq: number
  unreadBytes = 0
  expired = false

  constructor(source: MemoryExecutionEvents, after: number, onReadable: () => void) {
    this.#source = source
    this.#onReadable = onReadable
    this.#nextSeq = Math.min(after, source.lastSeq) + 1
    for (let seq = this.#nextSeq; seq <= source.lastSeq; seq++) this.unreadBytes += source.sizeAt(seq)
  }

  get ended(): boolean {
    return this.#source.ended && this.#nextSeq > this.#source.lastSeq
  }

  notify(size: number): void {
    this.unreadBytes += size
    this.#onReadable()
  }

  next(): ChatEvent | undefined {
    const event = this.#source.at(this.#nextSeq)
    if (event === undefined) return undefined
    if (event === 'dropped') {
      this.expired = true
      return undefined
    }
    this.unreadBytes = Math.max(0, this.unreadBytes - this.#source.sizeAt(this.#nextSeq))
    this.#nextSeq++
    this.#source.readerAdvanced()
    return event
  }

  close(): void {
    this.#source.detach(this)
  }
}

/** A near enough size of what the event keeps alive; only events that carry foreign data are measured by writing them. */
function sizeOf(event: ChatEventBody): number {
  switch (event.type) {
    case 'message.delta':
    case 'reasoning.delta':
      return EVENT_OVERHEAD_BYTES + event.delta.length * 2
    case 'message.completed':
      return EVENT_OVERHEAD_BYTES + event.content.length * 2
    case 'plan.updated':
    case 'tool.started':
    case 'tool.finished':
    case 'tool.approval_requested':
      return EVENT_OVERHEAD_BYTES + JSON.stringify(event).length * 2
    default:
      return EVENT_OVERHEAD_BYTES * 4
  }
}
