import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

export interface SseWriterOptions {
  /** A comment goes out when nothing else did for this long, milliseconds. */
  heartbeatMs: number
  /** Most bytes that may wait for a slow reader; beyond it the connection is destroyed. Default 1 MiB. */
  maxBufferedBytes?: number
  /** Extra response headers. */
  headers?: Record<string, string>
  status?: number
  /** Called once; `completed` is true when `end` was called and everything reached the socket. */
  onClose?: (completed: boolean) => void
}

/** An open event stream: the hijacked response of one request. */
export interface SseWriter {
  readonly raw: ServerResponse
  /** Sends the frame as it is; false = congested, or already ended. Never throws. */
  write(frame: string): boolean
  /** More is waiting for the reader than should; stop until `onDrained`. */
  readonly congested: boolean
  /** Calls back once, as soon as the stream is not congested; at once when it is not. Never after it closed. */
  onDrained(callback: () => void): void
  /** Sends the last frame, if any, and ends the response. Only the first call counts. */
  end(frame?: string): void
  /** `end` was called or the connection is gone. */
  readonly ended: boolean
  /** Resolves when the connection or response is closed; never rejects. */
  readonly closed: Promise<void>
}

export function createSseWriter(_reply: FastifyReply, _options: SseWriterOptions): SseWriter {
  throw new Error('being written')
}
