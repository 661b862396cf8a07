import { cutOff, RequestError, type SseWriter } from '@semibot/service-kit'
import type { ExecutionEvents } from './event-log.ts'

/** Where the frames of one reader go; a part of SseWriter, which puts the frames of one turn of the event loop together. */
export type EventSink = Pick<SseWriter, 'write' | 'congested' | 'onDrained' | 'end' | 'ended'> & {
  readonly raw: { destroy(): void }
}

/** @throws RequestError EVENTS_EXPIRED when the events after number `after` of a running execution are not all kept */
export function requireKept(events: ExecutionEvents, after: number): void {
  if (!events.ended && after < events.firstSeq - 1)
    throw new RequestError('EVENTS_EXPIRED', `Events before number ${events.firstSeq} are no longer kept.`)
}

/**
 * Copies the events after number `after` to the stream, behind the frames of `first`, and ends it after the last
 * one. A reader that falls so far behind that its next event is no longer kept is cut off: a stream never leaves out
 * events silently. Returns the function that stops the copying.
 */
export function streamEvents(
  events: ExecutionEvents,
  sink: EventSink,
  after: number,
  first: readonly string[] = []
): () => void {
  let sent = after
  let begun = 0
  let waiting = false
  const unsubscribe = events.subscribe(copy)
  copy()
  return unsubscribe

  function copy(): void {
    if (waiting) return
    while (begun < first.length && !sink.congested) sink.write(first[begun++]!)
    if (sink.ended) unsubscribe()
    else if (sink.congested) wait()
    else send()
  }

  function wait(): void {
    waiting = true
    sink.onDrained(() => {
      waiting = false
      copy()
    })
  }

  function send(): void {
    const before = sent
    sent = events.lastSeq
    const frames = events.framesAfter(before)
    if (events.ended) {
      unsubscribe()
      // What has been told here does not come twice: a stream has one beginning.
      const toldHere = before > after || first.length > 0 ? before : 0
      sink.end(frames ?? events.replay(toldHere))
    } else if (frames === undefined) {
      unsubscribe()
      cutOff(sink.raw)
    } else if (frames !== '') sink.write(frames)
  }
}
