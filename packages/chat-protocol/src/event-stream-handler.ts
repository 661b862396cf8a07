import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser'
import type { Dispatcher } from 'undici'
import {
  EventStreamError,
  type EventStreamErrorKind,
  type EventStreamHandlers,
  type EventStreamOptions,
  type ServerSentEvent
} from './event-stream-types.ts'
import { LIMITS } from './limits.ts'
import { retryAfterMs } from './retry-after.ts'
import { InvalidUtf8Error, Utf8Decoder } from './utf8-decoder.ts'

const EVENT_STREAM = /^text\/event-stream *(;|$)/i
/** How much of an answer that is no event stream is kept for the error. */
const REFUSED_BODY_BYTES = 4096

type Headers = Record<string, string | string[] | undefined>

/** Why this answer cannot be read as an event stream, if so. */
function refusal(status: number, headers: Headers): { kind: EventStreamErrorKind; message: string } | undefined {
  if (status !== 200) return { kind: 'status', message: `the server answered ${status}` }
  const contentType = String(headers['content-type'] ?? '')
  if (!EVENT_STREAM.test(contentType)) {
    const found = contentType === '' ? 'none' : contentType.slice(0, 100)
    return { kind: 'content_type', message: `expected content-type text/event-stream, got ${found}` }
  }
  const encoding = String(headers['content-encoding'] ?? 'identity')
  if (encoding.toLowerCase() !== 'identity') {
    return { kind: 'encoding', message: `expected no content-encoding, got ${encoding.slice(0, 100)}` }
  }
  return undefined
}

/** One request on its way: undici pushes bytes in, events come out. Also listens to the caller's signal. */
export class EventStreamHandler implements Dispatcher.DispatchHandler {
  readonly #options: EventStreamOptions
  readonly #handlers: EventStreamHandlers
  readonly #resolve: () => void
  readonly #reject: (error: unknown) => void
  readonly #maxEventBytes: number
  readonly #maxStreamBytes: number
  #controller: Dispatcher.DispatchController | undefined
  #parser: EventSourceParser | undefined
  #decoder: Utf8Decoder | undefined
  #bytes = 0
  #paused: boolean = false
  #settled: boolean = false
  #refused:
    | { kind: EventStreamErrorKind; message: string; status: number; headers: Headers; body: Buffer[] }
    | undefined

  constructor(
    options: EventStreamOptions,
    handlers: EventStreamHandlers,
    resolve: () => void,
    reject: (error: unknown) => void
  ) {
    this.#options = options
    this.#handlers = handlers
    this.#resolve = resolve
    this.#reject = reject
    this.#maxEventBytes = options.maxEventBytes ?? LIMITS.eventBytes
    this.#maxStreamBytes = options.maxStreamBytes ?? LIMITS.streamBytes
  }

  /** The signal's abort event. */
  handleEvent(): void {
    this.#fail(new EventStreamError('aborted', 'the request was aborted', { cause: this.#options.signal.reason }))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // An abort while the connection was being made had nothing to stop yet.
    if (this.#settled) controller.abort(new Error('aborted'))
    else this.#controller = controller
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (this.#settled || status < 200) return
    try {
      this.#handlers.onOpen?.(status, headers as Record<string, string | string[]>)
    } catch (error) {
      this.#fail(error)
      return
    }
    const refused = refusal(status, headers)
    if (refused === undefined) this.#open()
    else this.#refused = { ...refused, status, headers, body: [] }
  }

  onResponseData(_controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#settled) return
    this.#bytes += piece.length
    try {
      this.#handlers.onActivity?.(piece.length)
      if (this.#refused !== undefined) {
        this.#collect(piece)
        return
      }
      if (this.#bytes > this.#maxStreamBytes) throw this.#tooLarge('the answer', this.#maxStreamBytes)
      this.#parser!.feed(this.#decoder!.decode(piece))
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#options.flow?.congested === true) this.#pause(this.#options.flow)
  }

  onResponseEnd(): void {
    if (this.#settled) return
    if (this.#refused !== undefined) {
      this.#fail(this.#refusal())
      return
    }
    try {
      this.#decoder!.end()
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#settle()
    this.#resolve()
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    if (this.#settled) return
    if (this.#refused !== undefined) this.#fail(this.#refusal())
    else if (this.#controller === undefined) this.#fail(new EventStreamError('connect', cause.message, { cause }))
    else this.#fail(new EventStreamError('reset', cause.message, { cause }))
  }

  #open(): void {
    const { onComment } = this.#handlers
    this.#decoder = new Utf8Decoder()
    this.#parser = createParser({
      maxBufferSize: this.#maxEventBytes,
      onEvent: (event) => this.#dispatch(event),
      onComment:
        onComment &&
        ((text) => {
          if (!this.#settled) onComment.call(this.#handlers, text)
        }),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') throw this.#tooLarge('an event', this.#maxEventBytes)
      }
    })
  }

  #dispatch(event: EventSourceMessage): void {
    // A handler of an earlier event of the same bytes may have aborted.
    if (this.#settled) return
    const { length } = event.data
    if (length * 3 > this.#maxEventBytes && Buffer.byteLength(event.data) > this.#maxEventBytes) {
      throw this.#tooLarge('an event', this.#maxEventBytes)
    }
    event.event ??= 'message'
    this.#handlers.onEvent(event as ServerSentEvent)
  }

  #collect(piece: Buffer): void {
    const refused = this.#refused!
    // A copy: a view would keep the whole read buffer alive.
    refused.body.push(Buffer.from(piece.subarray(0, REFUSED_BODY_BYTES)))
    if (this.#bytes >= REFUSED_BODY_BYTES) this.#fail(this.#refusal())
  }

  #refusal(): EventStreamError {
    const { kind, message, status, headers, body } = this.#refused!
    const wait = retryAfterMs(headers)
    return new EventStreamError(kind, message, {
      status,
      body: Buffer.concat(body).subarray(0, REFUSED_BODY_BYTES).toString('utf8'),
      ...(wait === undefined ? {} : { retryAfterMs: wait })
    })
  }

  #tooLarge(what: string, limit: number): EventStreamError {
    return new EventStreamError('too_large', `${what} is larger than ${limit} bytes`)
  }

  #pause(flow: { onDrained(callback: () => void): void }): void {
    if (this.#paused || this.#settled) return
    this.#paused = true
    this.#controller!.pause()
    // In a microtask: undici must not be resumed while it is still handing out bytes, of this or any other answer.
    flow.onDrained(() => queueMicrotask(() => this.#resume()))
  }

  #resume(): void {
    if (!this.#paused || this.#settled) return
    this.#paused = false
    this.#controller!.resume()
  }

  #fail(error: unknown): void {
    if (this.#settled) return
    this.#settle()
    const reason =
      error instanceof InvalidUtf8Error ? new EventStreamError('encoding', error.message, { cause: error }) : error
    this.#reject(reason)
    this.#controller?.abort(reason instanceof Error ? reason : new Error('a handler failed'))
  }

  #settle(): void {
    this.#settled = true
    this.#options.signal.removeEventListener('abort', this)
    this.#parser = undefined
  }
}
