import type { EventSink } from '../../src/engine/stream-events.ts'

/** A reader whose slowness is decided by the test. */
export function createSink() {
  const waiting: (() => void)[] = []
  const sink = {
    frames: '',
    congested: false,
    ended: false,
    destroyed: false,
    write(frame: string) {
      sink.frames += frame
      return !sink.congested
    },
    end(frame = '') {
      sink.frames += frame
      sink.ended = true
    },
    onDrained(callback: () => void) {
      waiting.push(callback)
    },
    raw: {
      destroy() {
        sink.destroyed = true
        sink.ended = true
      }
    },
    drain() {
      sink.congested = false
      for (const callback of waiting.splice(0)) callback()
    },
    get ids() {
      return [...sink.frames.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
    }
  }
  return sink satisfies EventSink
}
