import { type ChatEvent, HEADERS } from '@semibot/chat-protocol'
import { createSseWriter, type Drain } from '@semibot/service-kit'
import type { FastifyReply } from 'fastify'
import type { Face, FaceContext } from '../faces/face.ts'
import type { EventReader, ExecutionEvents } from './event-log.ts'

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

/** A client that takes nothing for this long is cut off; it can come back and resume. */
const SLOW_READER_MS = 60_000
/** Frames are joined up to this size before they are written at once. */
const MAX_BATCH_CHARACTERS = 64 * 1024

/**
 * Streams the events of an execution in the frames of a face until the terminal one. The status line goes
 * out with the first event, so the headers can say which mode answers.
 */
export async function streamReply(reply: FastifyReply, events: ExecutionEvents, options: StreamReplyOptions) {
  let wake: () => void = () => {}
  const reader = events.read(options.after, () => wake())
  if (events.lastSeq <= options.after && !events.ended) {
    await new Promise<void>((resolve) => {
      wake = resolve
      reply.raw.once('close', resolve)
    })
  }
  if (reply.raw.destroyed) {
    reader.close()
    options.onDisconnect?.()
    return
  }
  const writer = createSseWriter(reply, {
    heartbeatMs: options.face.heartbeatMs,
    heartbeatFrame: options.face.heartbeatFrame,
    headers: { ...options.headers, ...modeHeaders(events) },
    onClose: (completed) => {
      clearTimeout(slow)
      reader.close()
      untrack()
      if (!completed) options.onDisconnect?.()
    }
  })
  const untrack = options.drain.track({ raw: writer.raw, finish: options.finish })
  const encode = options.face.encoder(options.context)
  let slow: NodeJS.Timeout | undefined
  let scheduled = false

  const pump = () => {
    scheduled = false
    clearTimeout(slow)
    while (!writer.ended) {
      const batch = readBatch(reader, encode)
      if (reader.ended) return writer.end(batch)
      // What this client has not read is gone; better a cut, after which it can ask again, than a hole.
      if (reader.expired) return void writer.raw.destroy()
      if (batch === '') return
      if (!writer.write(batch)) {
        slow = setTimeout(() => writer.raw.destroy(), SLOW_READER_MS)
        return writer.onDrained(pump)
      }
    }
  }
  // All frames that arrive in one turn of the loop leave in one write.
  wake = () => {
    if (scheduled || writer.congested) return
    scheduled = true
    queueMicrotask(pump)
  }
  if (options.face.opening !== '') writer.write(options.face.opening)
  pump()
}

function readBatch(reader: EventReader, encode: (event: ChatEvent) => string) {
  let batch = ''
  while (batch.length < MAX_BATCH_CHARACTERS) {
    const event = reader.next()
    if (event === undefined) break
    batch += encode(event)
  }
  return batch
}

/** Which mode answers, and whether it is the second choice. */
export function modeHeaders(events: ExecutionEvents): Record<string, string> {
  const { started } = events
  if (started === undefined) return {}
  return {
    [HEADERS.executionMode]: started.mode,
    ...(started.attempt > 1 ? { [HEADERS.fallback]: '1' } : {})
  }
}
