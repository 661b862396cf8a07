import type { FlowControl } from '@semibot/chat-protocol/event-stream'

/** What `promise` settles to, or the signal's reason as soon as it fires, whatever `promise` then still does. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Waits until the reader of a stream has caught up. @throws the signal's reason when it fires first */
export function untilDrained(flow: FlowControl, signal: AbortSignal): Promise<void> {
  return untilAborted(new Promise((resolve) => flow.onDrained(resolve)), signal)
}
