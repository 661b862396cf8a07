import type { Pass } from '@semibot/breaker'
import type {
  AgentSpec,
  ChatEventBody,
  ChatMode,
  ErrorOrigin,
  ExecutionErrorCode,
  FinishReason,
  HistoryMessage,
  Usage
} from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'

/** One chat, ready to be executed in either mode. Both modes see exactly this. */
export interface ChatExecution {
  executionId: string
  orgId: string
  sessionId: string
  userId: string | null
  /** Id of the assistant message that the execution writes. */
  messageId: string
  message: string
  /** Earlier turns, oldest first, without `message`. */
  history: HistoryMessage[]
  agent: AgentSpec
  requestId: string
  traceparent: string
}

/** What an executor gets beside the chat. */
export interface ExecutionContext {
  /** Aborted when the chat is cancelled; its reason is what the executor rejects with. */
  signal: AbortSignal
  /** Takes the events of the attempt, in order: everything but `execution.*`. */
  emit: (event: ChatEventBody) => void
  /** Called once, when the mode is final: the runtime has accepted, or the model is about to be called. */
  accepted: () => void
  /** Slows the executor down when the reader cannot keep up. */
  flow: FlowControl
  attempt: number
  /** The breaker's leave to call the runtime; only runtime_orchestrator needs it. */
  pass?: Pass
  /** performance.now() of the attempt's start, and how many milliseconds it had then. */
  startedAt: number
  remainingMs: number
  /**
   * Makes the text that the client has equal to this, where the answer goes on in another place than where it broke
   * off. False: the client would have to forget text and cannot.
   */
  rewind?: (text: string) => boolean
  /** Text of this answer that the client already has; the executor goes on from its end. */
  continueFrom?: string
  /** What the model must be told beside the conversation. */
  note?: string
  /** Nobody is reading along, so one whole answer is as good as a stream. */
  wholeAnswer: boolean
}

export interface ExecutionOutcome {
  finishReason: FinishReason
  usage: Usage
}

/** Runs a chat in one mode. */
export interface ChatExecutor {
  readonly mode: ChatMode
  /**
   * Runs one attempt to its end.
   * @throws ExecutionError when the attempt failed; the signal's reason when it was aborted.
   */
  execute(execution: ChatExecution, context: ExecutionContext): Promise<ExecutionOutcome>
}

/** A failed attempt. `message` is safe to show to a client. */
export class ExecutionError extends Error {
  readonly code: ExecutionErrorCode
  readonly origin: ErrorOrigin
  readonly retryAfterMs: number | undefined

  constructor(
    code: ExecutionErrorCode,
    origin: ErrorOrigin,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {}
  ) {
    super(message, { cause: options.cause })
    this.name = 'ExecutionError'
    this.code = code
    this.origin = origin
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The reason of an abort by which this process leaves an execution: it goes on in the runtimes without it. */
export class LeftToOthers extends Error {
  constructor() {
    super('the execution goes on without this process')
    this.name = 'LeftToOthers'
  }
}
