import type { ChatEventBody } from '@semibot/chat-protocol'

/**
 * The numbered events of one execution: written once, read by any number of streams, each at its own pace.
 * Only the newest events are kept; what a late reader then still gets is said at `replay`.
 */
export interface ExecutionEvents {
  readonly executionId: string
  /** Number of the newest event; 0 before the first. */
  readonly lastSeq: number
  /** Number of the oldest event that is still kept. */
  readonly firstSeq: number
  /** The terminal event, or `execution.interrupted`, is written: there will be no further one. */
  readonly ended: boolean
  /** Gives the event the next number. Does nothing once the execution has ended. */
  append(body: ChatEventBody): void
  /** The frames after number `seq`, put together; undefined when some of them are no longer kept. */
  framesAfter(seq: number): string | undefined
  /**
   * Of an ended execution whose early events are gone: its first event, the whole message and its last event, as far
   * as they come after number `seq`.
   */
  replay(seq: number): string
  /** Calls back after each event. Returns the function that ends this. */
  subscribe(listener: () => void): () => void
}

/** Where executions leave their events. In memory now; shared between processes later. */
export interface EventLog {
  /** Begins an empty log for this execution, in place of an earlier one. */
  open(executionId: string): ExecutionEvents
  find(executionId: string): ExecutionEvents | undefined
  /** Forgets the executions that ended too long ago. */
  sweep(): void
}
