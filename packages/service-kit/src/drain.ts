import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

export interface DrainOptions {
  /** How long open streams may end by themselves, milliseconds. */
  graceMs: number
  /** How long the last frames may take to reach slow readers, milliseconds. Default 1000. */
  flushMs?: number
  /** /ready answers 503 at least this long before the server stops to listen, milliseconds. Default 0. */
  noticeMs?: number
}

/** One open answer that must not be cut. */
export interface DrainableStream {
  /** Writes the terminal event and ends the response; called once, when the grace is over. */
  finish(): void
  raw: ServerResponse
}

export interface Drain {
  readonly draining: boolean
  readonly openStreams: number
  /** Returns the function that forgets the stream; it is forgotten by itself when the response closes. */
  track(stream: DrainableStream): () => void
  /** Installs the hooks; call it once, before the server is ready. */
  hook(app: FastifyInstance): void
  /** Called once when the drain begins. */
  onDrain(callback: () => void): void
}

export function createDrain(_options: DrainOptions): Drain {
  throw new Error('being written')
}
