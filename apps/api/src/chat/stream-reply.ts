import { HEADERS } from '@semibot/chat-protocol'
import { bodyOf, createSseWriter, type Drain } from '@semibot/service-kit'
import type { FastifyReply } from 'fastify'
import type { Face, FaceContext } from '../faces/face.ts'
import type { ExecutionEvents } from './event-log.ts'
import { refuseUnstarted } from './json-reply.ts'

export interface StreamReplyOptions {
  face: Face
  context: FaceContext
  /** Number of the last event that the client has; 0 for all. */
  after: number
  headers?: Record<string, string>
  drain: Drain
  /** The server is closing: bring the execution to its terminal event. */
  finish: () => void
  /** The client went away before the end. */
  onDisconnect?: () => void
}

/**
 * Streams the events of an execution in the frames of a face until the terminal one. The status line goes
 * out with the first event, so the headers can say which mode answers; at once to a client that comes back.
 */
export async function streamReply(reply: FastifyReply, events: ExecutionEvents, options: StreamReplyOptions) {
  const raw = bodyOf(reply.raw)
  // Before the first event too: a shutdown does not wait for it.
  const untrack = options.drain.track({ raw: reply.raw, finish: options.finish })
  let wake: () => void = () => {}
  const reader = events.read(options.after, () => wake())
  if (options.after === 0 && events.lastSeq === 0 && !(events.ended || raw.destroyed)) {
    await new Promise<void>((resolve) => {
      wake = resolve
      raw.once('close', resolve)
    })
  }
  if (raw.destroyed) {
    reader.close()
    options.onDisconnect?.()
    return
  }
  if (events.started === undefined && events.ended) {
    reader.close()
    refuseUnstarted(events)
  }
  const writer = createSseWriter(reply, {
    heartbeatMs: options.face.heartbeatMs,
    heartbeatFrame: options.face.heartbeatFrame,
    headers: { ...options.headers, ...modeHeaders(events) },
    onClose: (completed) => {
      reader.close()
      untrack()
      if (!completed) options.onDisconnect?.()
    }
  })
  const encode = options.face.encoder(options.context)

  // Frames of one turn of the loop leave in one write: the writer sees to that.
  const pump = () => {
    while (!(writer.congested || writer.ended)) {
      const event = reader.next()
      if (event !== undefined) writer.write(encode(event))
      else if (reader.ended) writer.end()
      else {
        // What this client has not read is gone; better a cut, after which it can ask again, than a hole.
        if (reader.expired) writer.raw.destroy()
        return
      }
    }
    if (!writer.ended) writer.onDrained(pump)
  }
  wake = pump
  if (options.face.opening !== '') writer.write(options.face.opening)
  pump()
}

/** Which mode answers, and whether it is the second choice. */
export function modeHeaders(events: ExecutionEvents): Record<string, string> {
  const { started } = events
  if (started === undefined) return {}
  return {
    [HEADERS.executionMode]: started.mode,
    ...(events.fellBack ? { [HEADERS.fallback]: '1' } : {})
  }
}
