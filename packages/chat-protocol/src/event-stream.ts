import { EventStreamHandler } from './event-stream-handler.ts'
import { EventStreamError, type EventStreamHandlers, type EventStreamOptions } from './event-stream-types.ts'

export * from './event-stream-types.ts'
export { retryAfterMs } from './retry-after.ts'

/**
 * Sends a request and hands out the server-sent events of its answer as they arrive, without a queue
 * in between. Sets no timer: how long to wait for what is the caller's to decide, by `signal`.
 *
 * Resolves at the clean end of the answer. An answer without a length that just stops looks like a clean
 * end: only the caller knows which event must be the last one.
 *
 * @throws EventStreamError, or whatever a handler threw
 */
export function openEventStream(options: EventStreamOptions, handlers: EventStreamHandlers): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = options
    if (signal.aborted) {
      reject(new EventStreamError('aborted', 'the request was aborted', { cause: signal.reason }))
      return
    }
    const handler = new EventStreamHandler(options, handlers, resolve, reject)
    signal.addEventListener('abort', handler)
    options.dispatcher.dispatch(
      {
        origin: options.origin,
        path: options.path,
        method: options.method ?? 'POST',
        headers: options.headers,
        body: options.body ?? null
      },
      handler
    )
  })
}
