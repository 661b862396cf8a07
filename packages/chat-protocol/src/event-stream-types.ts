import type { Dispatcher } from 'undici'

/** Lets the consumer of a stream slow its producer down. */
export interface FlowControl {
  /** Whether the consumer has more than it can take. */
  readonly congested: boolean
  /** Calls back once, the next time that the consumer is not congested. */
  onDrained(callback: () => void): void
}

/** One event as the WHATWG HTML standard, section 9.2, defines it. */
export interface ServerSentEvent {
  /** Name; `message` when the server named none. */
  event: string
  data: string
  id?: string
}

/** What the reader of a stream wants to hear. Each is called synchronously; one that throws ends the stream. */
export interface EventStreamHandlers {
  /** The head of the answer is here; also for an answer that is then refused. */
  onOpen?(status: number, headers: Record<string, string | string[]>): void
  /** So many bytes of the body are here, whatever they mean: the server lives. */
  onActivity?(bytes: number): void
  onEvent(event: ServerSentEvent): void
  onComment?(text: string): void
}

export interface EventStreamOptions {
  dispatcher: Dispatcher
  /** Scheme, host and port. */
  origin: string
  /** Path with query. */
  path: string
  /** Default: POST. */
  method?: 'POST' | 'GET'
  headers: Record<string, string>
  body?: string
  /** Ends the request at once, in whatever state it is. */
  signal: AbortSignal
  /** While it is congested, the socket is not read. */
  flow?: FlowControl
  /** Largest single event, in bytes. Default: LIMITS.eventBytes. */
  maxEventBytes?: number
  /** Largest whole answer, in bytes. Default: LIMITS.streamBytes. */
  maxStreamBytes?: number
}

/**
 * Why a stream did not end well:
 * - `connect`: the request was never sent
 * - `status`: the answer is not a 200; `status`, `retryAfterMs` and `body` say more
 * - `content_type`: a 200 that is not an event stream; `body` says more
 * - `too_large`: an event or the whole answer passed its limit
 * - `encoding`: the bytes are not UTF-8, or compressed
 * - `reset`: the connection broke after the request was sent, or the answer was not HTTP
 * - `aborted`: the signal; `cause` is its reason
 */
export type EventStreamErrorKind =
  | 'connect'
  | 'status'
  | 'content_type'
  | 'too_large'
  | 'encoding'
  | 'reset'
  | 'aborted'

export interface EventStreamErrorOptions {
  status?: number
  retryAfterMs?: number
  body?: string
  cause?: unknown
}

/** A stream that did not end well. */
export class EventStreamError extends Error {
  override readonly name = 'EventStreamError'
  readonly kind: EventStreamErrorKind
  /** HTTP status, once there was one. */
  readonly status?: number
  /** How long the server asked to wait. */
  readonly retryAfterMs?: number
  /** At most the first 4 KB of an answer that is no event stream. */
  readonly body?: string

  constructor(kind: EventStreamErrorKind, message: string, options: EventStreamErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    if (options.status !== undefined) this.status = options.status
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
    if (options.body !== undefined) this.body = options.body
  }
}
