import { type ChatEvent, type ChatEventBody, type ChatEventOf, isTerminal } from '@semibot/chat-protocol'
import type { EventReader, ExecutionEvents, ExecutionIdentity } from './event-log.ts'

export interface EventLogLimits {
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

export const DEFAULT_EVENT_LOG_LIMITS: EventLogLimits = {
  maxEvents: 2000,
  maxBytes: 1024 * 1024,
  maxTotalBytes: 64 * 1024 * 1024,
  keepEndedMs: 600_000,
  congestedBytes: 256 * 1024
}

/** What an event costs beside its texts: the object, its numbers, its place in the buffer. */
const EVENT_OVERHEAD_BYTES = 120

/** Hears what the buffers hold. */
interface Accounting {
  grew(bytes: number): void
  ended(executionId: string): void
}

/** A bounded buffer of one execution's events, with any number of readers. */
export class EventBuffer implements ExecutionEvents {
  readonly executionId: string
  readonly sessionId: string
  readonly messageId: string
  readonly orgId: string
  readonly userId: string | null
  readonly #limits: EventLogLimits
  readonly #now: () => number
  readonly #accounting: Accounting | undefined
  /** Kept events; the first has number `firstSeq`. `#start` is its place, so that dropping one is O(1). */
  #events: ChatEvent[] = []
  #sizes: number[] = []
  #start = 0
  firstSeq: number
  #readers: BufferReader[] = []
  #drained: (() => void)[] = []
  failed = false
  bytes = 0
  lastSeq: number
  ended = false
  fellBack = false
  started: ChatEventOf<'execution.started'> | undefined

  /** `firstSeq` is the number of the first event that will come; above 1 when earlier ones are not to be had. */
  constructor(
    identity: ExecutionIdentity,
    limits: EventLogLimits,
    now: () => number,
    accounting?: Accounting,
    firstSeq = 1
  ) {
    this.firstSeq = firstSeq
    this.lastSeq = firstSeq - 1
    this.executionId = identity.executionId
    this.sessionId = identity.sessionId
    this.messageId = identity.messageId
    this.orgId = identity.orgId
    this.userId = identity.userId
    this.#limits = limits
    this.#now = now
    this.#accounting = accounting
  }

  get congested(): boolean {
    const readers = this.#readers
    for (let index = 0; index < readers.length; index++) {
      if (readers[index]!.unreadBytes > this.#limits.congestedBytes) return true
    }
    return false
  }

  onDrained(callback: () => void): void {
    this.#drained.push(callback)
  }

  append(body: ChatEventBody): ChatEvent {
    if (this.ended) throw new Error(`execution ${this.executionId} has ended, ${body.type} came after it`)
    const event = numbered(body, this.lastSeq + 1, this.#now())
    this.#add(event)
    return event
  }

  /** Takes over an event that another process has numbered; it must be the next one. */
  restore(event: ChatEvent): void {
    if (event.seq !== this.lastSeq + 1) throw new Error(`event ${event.seq} does not follow ${this.lastSeq}`)
    this.#add(event)
  }

  /** The next events are lost: every reader is told to come again. */
  fail(): void {
    this.failed = true
    for (const reader of this.#readers) reader.notify(0)
  }

  get readers(): number {
    return this.#readers.length
  }

  #add(event: ChatEvent): void {
    this.lastSeq = event.seq
    const size = sizeOf(event)
    this.#events.push(event)
    this.#sizes.push(size)
    this.bytes += size
    let grown = size
    while (this.#events.length - this.#start > this.#limits.maxEvents || this.bytes > this.#limits.maxBytes) {
      if (this.#events.length - this.#start <= 1) break
      grown -= this.#dropFirst()
    }
    this.#accounting?.grew(grown)
    if (event.type !== 'message.delta') this.#note(event)
    for (const reader of this.#readers) reader.notify(size)
  }

  #note(event: ChatEvent): void {
    if (event.type === 'execution.started') this.started = event
    else if (event.type === 'execution.fallback' && event.to === 'direct_llm') this.fellBack = true
    if (!isTerminal(event)) return
    this.ended = true
    this.#accounting?.ended(this.executionId)
  }

  keeps(after: number): boolean {
    return after + 1 >= this.firstSeq
  }

  read(after: number, onReadable: () => void): EventReader {
    const reader = new BufferReader(this, after, onReadable)
    this.#readers.push(reader)
    return reader
  }

  at(seq: number): ChatEvent | 'dropped' | undefined {
    if (seq > this.lastSeq) return this.failed ? 'dropped' : undefined
    if (seq < this.firstSeq) return 'dropped'
    return this.#events[this.#start + seq - this.firstSeq]
  }

  sizeAt(seq: number): number {
    if (seq < this.firstSeq) return 0
    return this.#sizes[this.#start + seq - this.firstSeq] ?? 0
  }

  detach(reader: BufferReader): void {
    this.#readers = this.#readers.filter((other) => other !== reader)
    this.readerAdvanced()
  }

  readerAdvanced(): void {
    if (this.#drained.length === 0 || this.congested) return
    const callbacks = this.#drained
    this.#drained = []
    for (const callback of callbacks) callback()
  }

  #dropFirst(): number {
    const size = this.#sizes[this.#start] ?? 0
    this.#start++
    this.firstSeq++
    this.bytes -= size
    if (this.#start >= 512 && this.#start * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#start)
      this.#sizes = this.#sizes.slice(this.#start)
      this.#start = 0
    }
    return size
  }
}

class BufferReader implements EventReader {
  readonly #source: EventBuffer
  readonly #onReadable: () => void
  #nextSeq: number
  unreadBytes = 0
  expired = false

  constructor(source: EventBuffer, after: number, onReadable: () => void) {
    this.#source = source
    this.#onReadable = onReadable
    // Whoever asks for more than there is gets the end once more, rather than an empty answer.
    this.#nextSeq = Math.min(after, source.ended ? source.lastSeq - 1 : source.lastSeq) + 1
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

/** The event with its number and time. The common one is made anew: two keys more would cost it a second object. */
function numbered(body: ChatEventBody, seq: number, ts: number): ChatEvent {
  if (body.type === 'message.delta') {
    return { type: body.type, seq, ts, messageId: body.messageId, delta: body.delta }
  }
  const event = body as ChatEvent
  event.seq = seq
  event.ts = ts
  return event
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
