import { randomUUID } from 'node:crypto'

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * The W3C trace context of a request: the caller's when it sent a valid one, else a new, sampled one.
 * Format: https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparentOf(header: string | string[] | undefined): string {
  if (typeof header === 'string' && TRACEPARENT.test(header)) return header
  // randomUUID draws from a pool of random bytes, and is far cheaper than asking the system each time.
  const traceId = randomUUID().replaceAll('-', '')
  return `00-${traceId}-${randomUUID().slice(-12)}${traceId.slice(0, 4)}-01`
}
