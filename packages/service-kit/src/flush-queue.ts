export interface Flushable {
  flush(): void
}

// One immediate for all streams of the process: the event loop is what they share, and one callback per
// turn is cheaper than one per stream.
let waiting: Flushable[] = []
let spare: Flushable[] = []

/** Flushes the stream at the end of this turn of the event loop, after everything that arrived in it. */
export function enqueueFlush(stream: Flushable): void {
  if (waiting.length === 0) setImmediate(flushAll)
  waiting.push(stream)
}

function flushAll(): void {
  const streams = waiting
  waiting = spare
  for (const stream of streams) stream.flush()
  streams.length = 0
  spare = streams
}
