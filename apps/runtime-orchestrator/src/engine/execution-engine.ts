import type { CancelReason, ErrorCode, ErrorOrigin, ExecuteRequest, FinishReason, Usage } from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'
import type { ExecutionEvents } from './event-log.ts'

/** What comes with a request beside its body. */
export interface ExecutionCall {
  requestId: string
  /** Which attempt of the caller this is, from 1. */
  attempt: number
  /** How long this execution may take, milliseconds; already less than what the caller waits. */
  budgetMs: number
  /** W3C trace context under which the work belongs to the call; handed on to the model server. */
  traceparent: string
}

export type RuntimeExecutionStatus = 'running' | 'completed' | 'failed' | 'cancelled' | 'interrupted'

/** How an execution stands. Times are milliseconds since the epoch. */
export interface ExecutionReport {
  executionId: string
  orgId: string
  sessionId: string
  messageId: string
  attempt: number
  status: RuntimeExecutionStatus
  lastSeq: number
  startedAt: number
  endedAt: number | null
  finishReason: FinishReason | null
  usage: Usage | null
  error: { code: ErrorCode; message: string; origin: ErrorOrigin } | null
}

/** One execution as those see it who wait for it. */
export interface Execution {
  readonly events: ExecutionEvents
  /** Resolves when the execution has ended, whatever its outcome; never rejects. */
  readonly ended: Promise<ExecutionReport>
  /** The whole text, once the execution is completed. */
  readonly content: string
  /** It runs, and has written some of its answer or reasoned about it. */
  readonly isAnswering: boolean
  /** Of a running execution: the frames that stand for all of its events so far. */
  digest(): string[]
  /**
   * Says that somebody waits for this execution and how fast they read. Returns the function that says that
   * they left; when the last one leaves a running execution that is not durable, it is cancelled.
   */
  attend(flow?: FlowControl): () => void
}

/** Runs executions. `InlineEngine` does so in this process and loses them with it, `DurableEngine` takes them up again. */
export interface ExecutionEngine {
  /**
   * The execution of this id and attempt when there is one, so that sending a request twice runs it once.
   * @throws RequestError IDEMPOTENCY_MISMATCH when it was begun with another body
   */
  find(request: ExecuteRequest, attempt: number): Execution | undefined
  /** Begins an execution; its first event is written when this returns. */
  start(request: ExecuteRequest, call: ExecutionCall): Execution
  /**
   * Goes on with an execution that another process began, or begins it anew when nothing of it was kept. Its first
   * event comes when that is known, and says what its text begins with.
   */
  resume(request: ExecuteRequest, call: ExecutionCall): Execution
  /** Stops an execution and resolves when it has ended; false when there is none of this id. An ended one stays as it is. */
  cancel(executionId: string, reason: CancelReason): Promise<boolean>
  /** Ends an execution because this process goes away: its last event is `execution.interrupted`. */
  interrupt(executionId: string, reason: string): void
  status(executionId: string): ExecutionReport | undefined
  stream(executionId: string): ExecutionEvents | undefined
}
