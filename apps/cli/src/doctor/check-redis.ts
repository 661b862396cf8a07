import { maskPassword } from '@semibot/config'
import { type Finding, fail, ok, warn } from './finding.ts'
import { redisPing } from './redis-ping.ts'

const TIMEOUT_MS = 3000

/**
 * Redis is optional for one api process; a server that is named and does not answer is a failure. `apiInstances` is how
 * many the configuration asks for.
 */
export async function checkRedis(url: string | undefined, apiInstances: number): Promise<Finding> {
  if (url === undefined) {
    if (apiInstances > 1) {
      const message = `REDIS_URL is not set, and API_INSTANCES is ${apiInstances}: each decides the fallback by itself`
      return warn('redis', message, 'set REDIS_URL; npm start brings a Redis along where there is one on PATH')
    }
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
