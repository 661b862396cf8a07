import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Slots } from '@semibot/chat-protocol'
import type { FastifyInstance } from 'fastify'
import { bodyOf, cutOff, type ResponseBody } from './secure-server.ts'

export interface DrainOptions {
  /** How long open answers may end by themselves, milliseconds. */
  graceMs: number
  /** How long the last frames may take to reach slow readers, milliseconds. Default 1000. */
  flushMs?: number
  /** /ready answers 503 at least this long before the server stops to listen, milliseconds; part of `graceMs`. Default 0. */
  noticeMs?: number
}

/** When every answer is delivered, connections that never carried a request get this long, milliseconds. */
const CONNECTIONS_MS = 1000

/** One open answer that must not be cut. */
export interface DrainableStream {
  /** Writes the terminal event and ends the response; called once, when the grace is over. */
  finish(): void
  raw: ServerResponse | ResponseBody
}

export interface Drain {
  readonly draining: boolean
  /** The grace is over: what begins now would be ended at once. */
  readonly finishing: boolean
  readonly openStreams: number
  /** Returns the function that forgets the stream; it is forgotten by itself when its response closes. */
  track(stream: DrainableStream): () => void
  /** Installs the hooks. Call it once, before the routes. */
  hook(app: FastifyInstance): void
  /** Calls back once when the drain begins; at once when it has begun already. */
  onDrain(callback: () => void): void
}

/**
 * Ends a server without cutting anybody off who could be served: when `app.close()` begins, readiness is
 * withdrawn while the server still listens and answers with `connection: close`; requests and streams under way
 * get `graceMs`; streams that are left get their terminal event and `flushMs` to deliver it; what is left then is
 * destroyed, half-open connections included.
 */
export function createDrain(options: DrainOptions): Drain {
  const { graceMs, flushMs = 1000, noticeMs = 0 } = options
  const streams = new Slots<{ raw: ResponseBody; finish: () => void }>()
  const callbacks: (() => void)[] = []
  const idle = Promise.withResolvers<void>()
  const delivered = Promise.withResolvers<void>()
  let draining = false
  let finishing = false
  let requests = 0

  function settle(): void {
    if (!draining) return
    if (requests === 0 && streams.size === 0) idle.resolve()
    if (finishing && streams.size === 0) delivered.resolve()
  }

  async function drain(): Promise<void> {
    draining = true
    for (const callback of callbacks.splice(0)) callback()
    await delay(noticeMs)
    settle()
    await within(idle.promise, graceMs - noticeMs)
    finishing = true
    for (const stream of streams) stream.finish()
    settle()
    await within(delivered.promise, flushMs)
    for (const stream of streams) cutOff(stream.raw)
  }

  return {
    get draining() {
      return draining
    },
    get finishing() {
      return finishing
    },
    get openStreams() {
      return streams.size
    },
    track({ raw: response, finish }) {
      const stream = { raw: bodyOf(response as ServerResponse), finish }
      if (stream.raw.closed) return () => {}
      const place = streams.add(stream)
      let open = true
      const forget = (): void => {
        if (!open) return
        open = false
        streams.delete(place)
        settle()
      }
      stream.raw.once('close', forget)
      // It comes after all others were asked to finish: nobody would ask it. Not yet, its caller is still busy with it.
      if (finishing) queueMicrotask(() => open && finish())
      return () => {
        stream.raw.off('close', forget)
        forget()
      }
    },
    onDrain(callback) {
      if (draining) callback()
      else callbacks.push(callback)
    },
    hook(app) {
      app.addHook('onRequest', (_request, reply, done) => {
        // Polls that arrive during the drain must not prolong it.
        if (!draining) {
          requests++
          reply.raw.once('close', () => {
            requests--
            settle()
          })
        }
        done()
      })
      // Fastify says so itself only to requests that arrive during the drain.
      app.addHook('onSend', (request, reply, payload, done) => {
        // HTTP/2 has no such header; its connections are told by a frame, GOAWAY, when the server closes.
        if (draining && request.raw.httpVersionMajor < 2) reply.header('connection', 'close')
        done(null, payload)
      })
      let lastResort: NodeJS.Timeout | undefined
      app.addHook('preClose', async () => {
        await drain()
        lastResort = setTimeout(() => app.server.closeAllConnections(), Math.min(flushMs, CONNECTIONS_MS))
      })
      app.addHook('onClose', async () => clearTimeout(lastResort))
    }
  }
}

async function within(work: Promise<void>, limitMs: number): Promise<void> {
  const limit = new AbortController()
  const timer = delay(Math.max(0, limitMs), undefined, { signal: limit.signal }).catch(() => {})
  await Promise.race([work, timer])
  limit.abort()
}
