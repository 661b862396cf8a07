import { maskPassword } from '@semibot/config'
import { type Finding, fail, ok } from './finding.ts'
import { redisPing } from './redis-ping.ts'

const TIMEOUT_MS = 3000

/** Redis is optional; a server that is named and does not answer is a failure. */
export async function checkRedis(url: string | undefined): Promise<Finding> {
  if (url === undefined) {
    return ok(
      'redis',
      'REDIS_URL is not set: every api process has its own fallback state, which is right for one process'
    )
  }
  try {
    await redisPing(url, TIMEOUT_MS)
    return ok('redis', `PONG from ${maskPassword(url)}`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return fail(
      'redis',
      `${reason} at ${maskPassword(url)}`,
      'start it, correct REDIS_URL, or unset it; chats work without it'
    )
  }
}
