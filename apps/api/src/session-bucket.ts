/** Number of places that sessions are spread over: hundredths of a percent. */
export const SESSION_BUCKETS = 10_000

/**
 * A stable place of the session in 0..9999, by FNV-1a (32 bit). A session keeps its place, so a growing
 * percentage only ever adds sessions, and a list of instances is used evenly.
 */
export function sessionBucket(sessionId: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < sessionId.length; index++) {
    hash ^= sessionId.charCodeAt(index)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) % SESSION_BUCKETS
}
