import type { QueryObserver } from '../observe-queries.ts'
import type { ChatMode, ExecutionStatus, FinishReason, MessageStatus } from '../schema.ts'

/** Token counts as stored with an execution; the shape is chat-protocol's `usage`. */
export interface StoredUsage {
  inputTokens: number
  outputTokens: number
  totalTokens: number
  cachedInputTokens?: number | undefined
  reasoningTokens?: number | undefined
}

/** One user message that wants to start an execution. All ids are UUIDs; message ids are version 7. */
export interface AcceptTurn {
  executionId: string
  orgId: string
  /** Who sends it; null when the caller names no end user. */
  userId: string | null
  /** An existing session must belong to this user; null: any session of the organisation. */
  userScope: string | null
  sessionId: string
  newSession: boolean
  /** The agent of a new session (then required), or one to use instead of the session's for this turn. */
  agentId: string | null
  /** Its time (UUIDv7) becomes the message's `created_at`. */
  userMessageId: string
  /** The id that the answer will be stored under. */
  assistantMessageId: string
  content: string
  /** Milliseconds since 1970; when left out, the database's clock. */
  createdAt?: number
  /** Per organisation and for 24 hours: the same key and hash are answered with the first execution. */
  idempotency?: { key: string; requestHash: string } | undefined
  /** Id of the api process that runs the execution (see `heartbeat`). */
  owner: string
  /** At most this many messages of finished turns are returned as history; 0 for none. */
  historyLimit: number
  clientMessageId?: string | undefined
}

export interface HistoryMessage {
  role: 'user' | 'assistant'
  content: string
}

/** What became of an accept. Only `accepted` and the first call behind `replay` have stored anything. */
export type AcceptResult =
  | {
      kind: 'accepted'
      /** The agent that answers this turn. */
      agentId: string
      /** Oldest first, whole turns only, without the new message. */
      history: HistoryMessage[]
    }
  | { kind: 'replay'; executionId: string; sessionId: string; messageId: string; status: ExecutionStatus }
  | { kind: 'idempotency_mismatch' }
  | { kind: 'session_busy'; executionId: string }
  | { kind: 'session_not_found' }

/** The end of an execution, with the answer as it is to be stored. */
export interface FinishTurn {
  executionId: string
  orgId: string
  sessionId: string
  /** The answer's id; may differ from the accepted one when an earlier answer was retracted. */
  messageId: string
  status: 'completed' | 'failed' | 'cancelled'
  messageStatus: Exclude<MessageStatus, 'streaming'>
  content: string
  finishReason?: FinishReason | undefined
  /** The mode that answered; null when none was reached. */
  mode: ChatMode | null
  attempts: number
  model: string | null
  usage?: StoredUsage | undefined
  error?: { code: string; message: string } | undefined
  latencyMs: number
  firstTokenMs?: number | undefined
  fallbackReason?: string | undefined
  /** Number of the last event of the client's stream. */
  lastSeq?: number | undefined
}

/** The answer so far, so that a killed process loses little. */
export interface TurnProgress {
  executionId: string
  orgId: string
  messageId: string
  content: string
  lastSeq?: number | undefined
}

/** Writes the turns of one process; calls that arrive together share statements and commits. */
export interface TurnWriter {
  /**
   * Stores the session (when new), the user message, the execution and the idempotency key, or nothing.
   * @throws TurnQueueFullError, DatabaseTimeoutError, DatabaseUnavailableError; then nothing is kept.
   */
  accept(turn: AcceptTurn): Promise<AcceptResult>
  /**
   * Takes back an accepted turn that nothing was done with: its session is free again, its key unused. While the
   * database is away it is tried again behind the caller's back. Does nothing to a turn that has ended.
   */
  takeBack(turn: AcceptTurn): Promise<void>
  /**
   * Ends a running execution and stores its answer, exactly once. False: it was not running any more.
   * While the database is away, locked or overloaded the call is repeated for up to `finishRetryMs`.
   * @throws TurnQueueFullError, DatabaseTimeoutError, DatabaseUnavailableError
   */
  finish(turn: FinishTurn): Promise<boolean>
  /**
   * Stores the answer so far with status `streaming`; a later call for the same execution replaces one that
   * still waits. False: the execution was not running any more.
   * @throws TurnQueueFullError, DatabaseTimeoutError, DatabaseUnavailableError
   */
  saveProgress(progress: TurnProgress): Promise<boolean>
  /** Calls that wait for a statement. */
  readonly queueLength: number
  /** Lets waiting calls finish, ends repeats; later calls are refused. The pool stays open. */
  close(): Promise<void>
}

export interface TurnWriterOptions {
  /** Statements of one kind under way at the same time. Default 2. */
  lanes?: number
  /** Most turns in one statement. Default 128. */
  maxBatch?: number
  /** Most calls of one kind that may wait; one more is refused. Default 4096. */
  maxQueue?: number
  /** Longest wait in the queue before a call fails with DatabaseTimeoutError. Default 5000. */
  maxWaitMs?: number
  /** How long `finish` is repeated while the database is unavailable or too slow. Default 15000; 0: not at all. */
  finishRetryMs?: number
  /** Told of every statement: accept_turn, finish_turn or save_progress, with the wait for a connection. */
  onQuery?: QueryObserver
}
