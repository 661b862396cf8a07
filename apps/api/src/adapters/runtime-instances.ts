import { sessionBucket } from '../session-bucket.ts'

/**
 * Picks the runtime instance for a session: always the same one while the list stays, so that what it
 * keeps in memory of the session is of use.
 */
export function createInstancePicker(urls: readonly string[]): (sessionId: string) => string {
  if (urls.length === 0) throw new Error('RUNTIME_SERVICE_URL names no runtime')
  return (sessionId) => urls[sessionBucket(sessionId) % urls.length] as string
}
