import { randomUUID } from 'node:crypto'

// The header traceparent of https://www.w3.org/TR/trace-context/#traceparent-header, version 00:
// 00-<trace id, 32 hex digits>-<id of the calling span, 16>-<flags, 2>
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
const TRACE_ID_AT = 3
const SPAN_ID_AT = 36
const SAMPLED = 1

/** Whether a header is a trace context; anything else begins a trace anew and is no reason to refuse a call. */
export function isTraceparent(header: unknown): header is string {
  return typeof header === 'string' && TRACEPARENT.test(header)
}

/** The trace context of a request: the caller's when it sent a valid one, else a new, sampled one. */
export function traceparentOf(header: string | string[] | undefined): string {
  if (isTraceparent(header)) return header
  // randomUUID draws from a pool of random bytes, and is far cheaper than asking the system each time.
  const traceId = randomUUID().replaceAll('-', '')
  return `00-${traceId}-${randomUUID().slice(-12)}${traceId.slice(0, 4)}-01`
}

/** The trace of a valid traceparent, as it is shown to people: 32 hex digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(TRACE_ID_AT, TRACE_ID_AT + 32)
}

/** The calling span of a valid traceparent: 16 hex digits. */
export function spanIdOf(traceparent: string): string {
  return traceparent.slice(SPAN_ID_AT, SPAN_ID_AT + 16)
}

/** The flags of a valid traceparent, 0..255. */
export function traceFlagsOf(traceparent: string): number {
  return Number.parseInt(traceparent.slice(-2), 16)
}

/** Whether the trace of a valid traceparent is kept by those who record it. */
export function isSampled(traceparent: string): boolean {
  return (traceFlagsOf(traceparent) & SAMPLED) === SAMPLED
}
