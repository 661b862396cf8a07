import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { QuietTimer, SSE_HEADERS, sseComment } from '@semibot/chat-protocol'
import type { FastifyReply } from 'fastify'
import { enqueueFlush } from './flush-queue.ts'
import { bodyOf, cutOff, type ResponseBody } from './secure-server.ts'

export interface SseWriterOptions {
  /** A comment goes out whenever nothing else did for this long, milliseconds. */
  heartbeatMs: number
  /** What goes out then. Default: a comment. */
  heartbeatFrame?: string
  /** Most bytes that may wait for a slow reader; beyond it the connection is destroyed. Default 1 MiB. */
  maxBufferedBytes?: number
  /**
   * How long a reader may leave full buffers untouched, milliseconds; then the connection is destroyed.
   * Looked at once per `heartbeatMs`. Default 60 s.
   */
  stallMs?: number
  /** Response headers beside the reply's own and those of every event stream. */
  headers?: Record<string, string>
  /** Default 200. */
  status?: number
  /** Called once; `completed` is true when `end` was called and everything was handed to the network. */
  onClose?: (completed: boolean) => void
}

/** An open event stream: the hijacked response of one request. Fits `FlowControl` of @semibot/chat-protocol. */
export interface SseWriter {
  /** Where its bytes go: the response, or under HTTP/2 its stream. */
  readonly raw: ResponseBody
  /** Sends the frame as it is, or drops it when the stream has ended. False = congested. Never throws. */
  write(frame: string): boolean
  /** More is waiting for the reader than should: stop until `onDrained`. Always false once the stream closed. */
  readonly congested: boolean
  /** Calls back once as soon as the stream is not congested any more, or is closed; at once when it is not congested. */
  onDrained(callback: () => void): void
  /** Sends the last frame, if any, and ends the response. Only the first call counts. Never throws. */
  end(frame?: string): void
  /** `end` was called or the connection is gone. */
  readonly ended: boolean
  /** Resolves when the response is closed, for whatever reason; never rejects. */
  readonly closed: Promise<void>
}

const HEARTBEAT = sseComment('heartbeat')
/** A batch of this length (UTF-16 units) does not wait for the end of the loop turn. */
const BATCH_LENGTH = 16 * 1024

/**
 * Takes the response over from Fastify (hijack), with the headers set so far, and opens an event stream on it.
 *
 * Frames that are written in one turn of the event loop leave in one system call at its end. Once the head
 * is out, chunks are framed here (RFC 9112, section 7.1) and written to the socket: `response.write` costs
 * about a fifth more CPU per chunk (see README).
 */
export function createSseWriter(reply: FastifyReply, options: SseWriterOptions): SseWriter {
  reply.hijack()
  return new ResponseWriter(reply, options)
}

class ResponseWriter implements SseWriter {
  readonly raw: ResponseBody
  readonly closed: Promise<void>
  readonly #response: ServerResponse
  congested = false
  ended = false
  #pending = ''
  #opened = false
  #queued = false
  /** The socket, once frames may go there directly. */
  #socket: Socket | undefined
  #waiting: (() => void)[] = []
  #waitingSince = 0
  readonly #timer: QuietTimer
  readonly #heartbeatFrame: string
  readonly #maxBufferedBytes: number
  readonly #stallMs: number
  readonly #onClose: ((completed: boolean) => void) | undefined

  constructor(reply: FastifyReply, options: SseWriterOptions) {
    const raw = bodyOf(reply.raw)
    this.raw = raw
    this.#response = reply.raw
    this.#heartbeatFrame = options.heartbeatFrame ?? HEARTBEAT
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 1024 * 1024
    this.#stallMs = options.stallMs ?? 60_000
    this.#onClose = options.onClose
    this.#timer = new QuietTimer(options.heartbeatMs, () => this.#tick(), { unref: true })
    raw.on('error', ignore)
    if (raw.destroyed) {
      this.ended = true
      this.closed = Promise.resolve().then(() => this.#close())
      return
    }
    this.closed = new Promise((resolve) => {
      raw.once('close', () => {
        this.#close()
        resolve()
      })
    })
    reply.raw.writeHead(options.status ?? 200, responseHeaders(reply, options.headers))
    this.#enqueue()
  }

  write(frame: string): boolean {
    if (this.ended) return true
    this.#pending += frame
    if (this.#pending.length >= BATCH_LENGTH) this.flush()
    else this.#enqueue()
    return !this.congested
  }

  onDrained(callback: () => void): void {
    if (this.congested) this.#waiting.push(callback)
    else callback()
  }

  end(frame = ''): void {
    if (this.ended) return
    this.ended = true
    const last = this.#pending + frame
    this.#pending = ''
    if (!this.congested) this.#waitingSince = performance.now()
    if (last === '') this.raw.end()
    else this.raw.end(last)
  }

  /** Hands the batch to the network; called by the flush queue. */
  flush(): void {
    this.#queued = false
    const { raw } = this
    if (raw.destroyed) return
    const batch = this.#pending
    this.#pending = ''
    if (!this.#opened && batch === '') {
      this.#response.flushHeaders()
      this.#opened = true
    } else if (batch !== '') {
      this.#send(batch)
      this.#opened = true
    }
  }

  #enqueue(): void {
    if (this.#queued) return
    this.#queued = true
    enqueueFlush(this)
  }

  #send(batch: string): void {
    const socket = this.#directSocket()
    const flowing = socket === undefined ? this.raw.write(batch) : writeChunk(socket, batch)
    if (this.congested) {
      if (this.raw.writableLength > this.#maxBufferedBytes) cutOff(this.raw)
      return
    }
    this.#timer.touch()
    if (flowing) return
    this.congested = true
    this.#waitingSince = performance.now()
    const emitter = socket ?? this.raw
    emitter.once('drain', () => this.#resume())
    if (this.raw.writableLength > this.#maxBufferedBytes) cutOff(this.raw)
  }

  /** Undefined while the head is not out, the response waits behind another one, or it has another framing. */
  #directSocket(): Socket | undefined {
    if (this.#socket !== undefined || !this.#opened) return this.#socket
    const { socket, chunkedEncoding } = this.#response
    if (chunkedEncoding && socket instanceof Socket) this.#socket = socket
    return this.#socket
  }

  #resume(): void {
    this.congested = false
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const callback of waiting) callback()
  }

  #tick(): void {
    if (this.congested || this.ended) {
      if (performance.now() - this.#waitingSince >= this.#stallMs) {
        cutOff(this.raw)
        return
      }
    } else {
      this.write(this.#heartbeatFrame)
    }
    this.#timer.restart()
  }

  #close(): void {
    this.ended = true
    this.#pending = ''
    this.#timer.stop()
    this.#socket = undefined
    this.#resume()
    this.#onClose?.(this.raw.writableFinished)
  }
}

/** One chunk of RFC 9112, section 7.1. Text of ASCII only takes the shorter way through the socket. */
function writeChunk(socket: Socket, text: string): boolean {
  const bytes = Buffer.byteLength(text)
  return socket.write(`${bytes.toString(16)}\r\n${text}\r\n`, bytes === text.length ? 'latin1' : 'utf8')
}

function responseHeaders(reply: FastifyReply, own: Record<string, string> = {}): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...SSE_HEADERS, ...own }
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) headers[name] ??= value
  }
  return headers
}

function ignore(): void {
  // A broken connection is told by 'close'; without a listener 'error' would end the process.
}
