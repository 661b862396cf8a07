import { type ChatEventBody, isTerminal } from '@semibot/chat-protocol'
import { encodeEvent } from './encode-event.ts'
import type { EventLog, ExecutionEvents } from './event-log.ts'

export interface MemoryEventLogOptions {
  /** Most bytes and most frames that are kept of one execution. */
  executionBytes: number
  executionFrames: number
  /** Most bytes that are kept altogether. */
  processBytes: number
  /** How long an ended execution is kept, milliseconds. */
  keepMs: number
  /** Milliseconds since the epoch. */
  now?: () => number
  /** Called when an execution is forgotten. */
  onDropped?: (executionId: string) => void
}

/** What an entry costs beside its text: string and object headers, and what the engine keeps of an execution. */
const FRAME_OVERHEAD_BYTES = 64
const EXECUTION_OVERHEAD_BYTES = 4_096

/** The log of all executions of this process. Nothing of it outlives the process. */
export class MemoryEventLog implements EventLog {
  readonly #options: MemoryEventLogOptions
  /** In the order in which they began. */
  readonly #executions = new Map<string, MemoryExecutionEvents>()
  #bytes = 0

  constructor(options: MemoryEventLogOptions) {
    this.#options = options
  }

  /** Bytes that are kept now. */
  get bytes(): number {
    return this.#bytes
  }

  open(executionId: string): ExecutionEvents {
    this.#drop(executionId)
    const events = new MemoryExecutionEvents(executionId, this.#options, (added) => this.#resize(events, added))
    this.#executions.set(executionId, events)
    this.#resize(events, events.bytes)
    return events
  }

  find(executionId: string): ExecutionEvents | undefined {
    return this.#executions.get(executionId)
  }

  sweep(): void {
    const oldest = (this.#options.now ?? Date.now)() - this.#options.keepMs
    for (const [id, { endedAt }] of this.#executions) if (endedAt !== undefined && endedAt <= oldest) this.#forget(id)
  }

  #resize(events: MemoryExecutionEvents, added: number): void {
    // An execution that was replaced by a newer one of the same id no longer counts.
    if (this.#executions.get(events.executionId) !== events) return
    this.#bytes += added
    if (this.#bytes <= this.#options.processBytes) return
    for (const [id, other] of this.#executions) {
      if (!other.ended) continue
      this.#forget(id)
      if (this.#bytes <= this.#options.processBytes) return
    }
    // Only running executions are left: the one that is writing gives up its own oldest events.
    if (!events.ended) this.#bytes -= events.trim(this.#bytes - this.#options.processBytes)
  }

  #forget(executionId: string): void {
    this.#drop(executionId)
    this.#options.onDropped?.(executionId)
  }

  #drop(executionId: string): void {
    this.#bytes -= this.#executions.get(executionId)?.bytes ?? 0
    this.#executions.delete(executionId)
  }
}

interface Frame {
  text: string
  bytes: number
}

class MemoryExecutionEvents implements ExecutionEvents {
  readonly executionId: string
  readonly #options: MemoryEventLogOptions
  readonly #resized: (added: number) => void
  readonly #listeners = new Set<() => void>()
  /** Frames from number `firstSeq` on; those before `#head` are given up and cleared now and then. */
  #frames: Frame[] = []
  #head = 0
  #essential: { seq: number; text: string }[] = []
  firstSeq = 1
  lastSeq = 0
  bytes = EXECUTION_OVERHEAD_BYTES
  endedAt: number | undefined

  constructor(executionId: string, options: MemoryEventLogOptions, resized: (added: number) => void) {
    this.executionId = executionId
    this.#options = options
    this.#resized = resized
  }

  get ended(): boolean {
    return this.endedAt !== undefined
  }

  append(body: ChatEventBody): void {
    if (this.ended) return
    const ts = (this.#options.now ?? Date.now)()
    const text = encodeEvent(body, ++this.lastSeq, ts)
    const frame = { text, bytes: Buffer.byteLength(text) + FRAME_OVERHEAD_BYTES }
    this.#frames.push(frame)
    this.bytes += frame.bytes
    const last = isTerminal(body) || body.type === 'execution.interrupted'
    if (last) this.endedAt = ts
    if (last || body.type === 'execution.started' || body.type === 'message.completed')
      this.#essential.push({ seq: this.lastSeq, text })
    this.#resized(frame.bytes - this.#trimToLimits())
    for (const listener of this.#listeners) listener()
  }

  framesAfter(seq: number): string | undefined {
    if (seq < this.firstSeq - 1) return undefined
    const from = this.#head + Math.max(0, seq - this.firstSeq + 1)
    // Nearly always exactly one: the reader is up to date.
    if (from === this.#frames.length - 1) return this.#frames[from]?.text
    let text = ''
    for (let index = from; index < this.#frames.length; index++) text += this.#frames[index]?.text
    return text
  }

  replay(seq: number): string {
    return this.#essential.flatMap((frame) => (frame.seq > seq ? [frame.text] : [])).join('')
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Gives up the oldest frames, at least `wanted` bytes but never the newest frame; returns how many bytes. */
  trim(wanted: number): number {
    let freed = 0
    while (freed < wanted && this.#frames.length - this.#head > 1) freed += this.#giveUpOldest()
    return freed
  }

  #trimToLimits(): number {
    const { executionBytes, executionFrames } = this.#options
    let freed = this.trim(this.bytes - executionBytes)
    while (this.#frames.length - this.#head > executionFrames) freed += this.#giveUpOldest()
    return freed
  }

  #giveUpOldest(): number {
    const { bytes } = this.#frames[this.#head]!
    this.#frames[this.#head++] = { text: '', bytes: 0 }
    this.firstSeq++
    this.bytes -= bytes
    if (this.#head >= 256) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
    return bytes
  }
}
