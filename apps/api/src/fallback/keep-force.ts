import type { FallbackBreaker } from '@semibot/breaker'
import type { FallbackEvent } from '@semibot/db'

export interface KeepForceOptions {
  breaker: Pick<FallbackBreaker, 'force' | 'status'>
  /** The operator's order that holds, from the database. */
  find: () => Promise<FallbackEvent | undefined>
  now?: () => number
}

/**
 * Brings the breaker into line with the operator's order in the database, which survives the restart of every
 * process and the loss of Redis. Called at start and, where no Redis tells the replicas of each other, again and
 * again. Rejects while the database is away.
 */
export async function applyStoredForce(options: KeepForceOptions): Promise<void> {
  const { breaker, find, now = Date.now } = options
  const stored = await find()
  const { forced } = breaker.status()
  if (stored?.expiresAt == null) {
    // An order of this process that is not stored (the database was away) stays until it expires by itself.
    return
  }
  if (forced?.mode === stored.state && Math.abs(forced.expiresAt - stored.expiresAt.getTime()) < 2000) return
  const expiresInSeconds = (stored.expiresAt.getTime() - now()) / 1000
  if (expiresInSeconds <= 0) return
  const mode = stored.state === 'closed' ? 'closed' : 'open'
  await breaker.force({ mode, reason: stored.detail, actor: stored.actor ?? 'operator', expiresInSeconds })
}
