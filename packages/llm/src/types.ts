import type { FinishReason, Usage } from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'

/** One message of the conversation as the model sees it. */
export interface LlmMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** What to ask a model. */
export interface LlmRequest {
  model: string
  messages: LlmMessage[]
  /** 0..2; left out, the provider's own default. */
  temperature?: number
  /** Most tokens the answer may have; left out, the provider's own default. */
  maxTokens?: number
  /** Text that the answer must continue exactly where it stops (prefix continuation); the text itself is not repeated. */
  continueFrom?: string
  /** Opaque id of the person who asks, for the provider's abuse detection. */
  endUser?: string
}

/** Receives an answer while it is being written. Called synchronously, in order, never with an empty text. */
export interface LlmSink {
  onText(delta: string): void
  onReasoning?(delta: string): void
}

/** How an answer ended. */
export interface LlmResult {
  finishReason: FinishReason
  usage: Usage
  /** The server sent no token counts: `usage` is estimated from the length of the texts. */
  usageEstimated: boolean
}

export interface LlmCallOptions {
  /** Ends the call at once; it then rejects with the signal's reason. */
  signal: AbortSignal
  /** While it is congested, the provider's socket is not read. */
  flow?: FlowControl
  /** Extra request headers, such as traceparent. */
  headers?: Record<string, string>
  /** Longest wait for the first byte of the answer's body. Default: 60,000 ms. */
  firstByteTimeoutMs?: number
  /** Longest silence after that. Default: 60,000 ms. */
  idleTimeoutMs?: number
}

/** Connections to one origin; the shape is that of undici's `Agent.stats`. */
export interface LlmConnections {
  connected: number | boolean
  /** Connected and not in use; missing where an origin has one connection only. */
  free?: number
  running?: number
  pending: number
}

/** A way to reach language models. Safe to share between concurrent calls; one per process is enough. */
export interface LlmProvider {
  /**
   * Asks for an answer piece by piece.
   * @throws LlmError, or the reason of `options.signal`, or whatever the sink threw
   */
  stream(request: LlmRequest, sink: LlmSink, options: LlmCallOptions): Promise<LlmResult>
  /** Asks for an answer as a whole. @throws LlmError, or the reason of `options.signal` */
  complete(request: LlmRequest, options: LlmCallOptions): Promise<LlmResult & { text: string }>
  /** Open connections by origin, where this client has connections of its own. */
  connections?(): Readonly<Record<string, LlmConnections>>
  /** Ends all calls that are under way and closes the connections. */
  close(): Promise<void>
}
