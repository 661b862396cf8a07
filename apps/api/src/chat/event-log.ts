import type { ChatEvent, ChatEventBody, ChatEventOf } from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'

/** Follows the events of one execution at its own speed. */
export interface EventReader {
  /** The next event, or undefined when there is none yet (or none any more: see `ended`). */
  next(): ChatEvent | undefined
  /** Whether the execution has ended and all of its events have been read. */
  readonly ended: boolean
  /** Whether events were dropped from the buffer before this reader got to them. */
  readonly expired: boolean
  close(): void
}

/** Which execution the events belong to, and who may read them. */
export interface ExecutionIdentity {
  executionId: string
  sessionId: string
  /** Id of the assistant message. */
  messageId: string
  orgId: string
  /** End user of the session; null when it belongs to the organisation as a whole. */
  userId: string | null
}

/**
 * The events of one execution in one process: written once, read by any number of readers. Congested while an attached
 * reader is far behind.
 */
export interface ExecutionEvents extends Readonly<ExecutionIdentity>, FlowControl {
  /** Number of the oldest event that can still be read. */
  readonly firstSeq: number
  /** Number of the newest event; 0 before the first. */
  readonly lastSeq: number
  readonly ended: boolean
  /** The next events will not be here. */
  readonly failed: boolean
  /** The first event of every execution that got under way; kept even when it is read no longer. */
  readonly started: ChatEventOf<'execution.started'> | undefined
  /** The chat was meant for the runtime and is answered otherwise. */
  readonly fellBack: boolean
  /** Event with this number, 'dropped' when it is kept no longer, undefined when it has not happened yet. */
  at(seq: number): ChatEvent | 'dropped' | undefined
  /** Whether every event after `after` can still be read. */
  keeps(after: number): boolean
  append(event: ChatEventBody): ChatEvent
  /** The next events will not be here: every reader is told to ask again. */
  fail(): void
  /** Reads from the event after `after`; `onReadable` is called when there is something new to read. */
  read(after: number, onReadable: () => void): EventReader
}

/** Keeps the events of executions for live readers and for those who come back. */
export interface EventLog {
  open(identity: ExecutionIdentity): ExecutionEvents
  /** Takes over an execution whose events so far, from the first one, another process has numbered. */
  reopen(identity: ExecutionIdentity, earlier: readonly ChatEvent[]): ExecutionEvents
  get(executionId: string): ExecutionEvents | undefined
  /** Keeps an ended execution no longer; those who read it already go on reading. */
  forget(executionId: string): void
}
