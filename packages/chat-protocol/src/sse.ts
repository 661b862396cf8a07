/**
 * Server-sent events, written. The format is the WHATWG HTML standard, section 9.2.
 * `data` is always JSON, which escapes every line break, so one event is always one `data:` line.
 */

/** A comment: keeps the connection alive and is ignored by every client. */
export function sseComment(text: string): string {
  return `: ${text}\n\n`
}

/** One event of the given name; `id` is left out when undefined. `json` must hold no raw line break. */
export function sseEvent(event: string, json: string, id?: number): string {
  return id === undefined ? `event: ${event}\ndata: ${json}\n\n` : `id: ${id}\nevent: ${event}\ndata: ${json}\n\n`
}

/** How long a client waits before it connects again. */
export function sseRetry(milliseconds: number): string {
  return `retry: ${milliseconds}\n\n`
}

/** Response headers of every event stream: nothing on the way may buffer, cache or transform it. */
export const SSE_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no'
} as const
