import { cutOff, type SseWriter } from '@semibot/service-kit'
import type { ExecutionEvents } from './event-log.ts'

/** Where the frames of one reader go; a part of SseWriter, which puts the frames of one turn of the event loop together. */
export type EventSink = Pick<SseWriter, 'write' | 'congested' | 'onDrained' | 'end' | 'ended'> & {
  readonly raw: { destroy(): void }
}

/**
 * Copies the events after number `after` to the stream, and ends it after the last one. A reader that falls so
 * far behind that its next event is no longer kept is cut off: a stream never leaves out events silently.
 * Returns the function that stops the copying.
 */
export function streamEvents(events: ExecutionEvents, sink: EventSink, after: number): () => void {
  let sent = after
  let waiting = false
  const unsubscribe = events.subscribe(copy)
  copy()
  return unsubscribe

  function copy(): void {
    if (waiting) return
    if (sink.ended) unsubscribe()
    else if (sink.congested) wait()
    else send(events.framesAfter(sent))
  }

  function wait(): void {
    waiting = true
    sink.onDrained(() => {
      waiting = false
      copy()
    })
  }

  function send(frames: string | undefined): void {
    sent = events.lastSeq
    if (events.ended) {
      unsubscribe()
      sink.end(frames ?? events.replay())
    } else if (frames === undefined) {
      unsubscribe()
      cutOff(sink.raw)
    } else if (frames !== '') sink.write(frames)
  }
}
