import { maskPassword } from '@semibot/config'
import { createDatabase, type DatabaseHandle, replicaState } from '@semibot/db'
import { describeFailure } from '../failure.ts'
import { type Finding, ok, warn } from './finding.ts'

const TIMEOUT_MS = 3000
/** A replica that is further behind answers hardly any read of somebody who has just written. */
const FAR_BEHIND_BYTES = 16 * 1024 * 1024

/** The replica of DATABASE_READ_URL. Never a failure: without it the primary answers. */
export async function checkReplica(primary: DatabaseHandle['db'], url: string): Promise<Finding> {
  const where = maskPassword(url)
  const { db, close } = createDatabase({
    url,
    max: 1,
    applicationName: 'semibot-doctor',
    connectionTimeoutMs: TIMEOUT_MS,
    statementTimeoutMs: TIMEOUT_MS
  })
  try {
    const seen = await replicaState(primary, db)
    if (seen.state === 'not_a_replica') {
      const advice =
        'let DATABASE_READ_URL name a streaming replica of DATABASE_URL, or unset it; nothing is read from there'
      return warn('replica', `no replica of the database at ${where}`, advice)
    }
    const message = `${seen.behindBytes} bytes behind at ${where}`
    if (seen.behindBytes <= FAR_BEHIND_BYTES) return ok('replica', message)
    return warn('replica', message, 'look at its disk and its connection; the primary answers meanwhile')
  } catch (error) {
    const advice = 'start it, or correct DATABASE_READ_URL; the primary answers meanwhile'
    return warn('replica', `${describeFailure(error).message.split(';')[0]} at ${where}`, advice)
  } finally {
    await close()
  }
}
