import type { RuntimeMetrics } from '@semibot/metrics'
import { RequestError } from '@semibot/service-kit'
import { DRAINING_RETRY_AFTER_SECONDS, OVERLOADED_RETRY_AFTER_SECONDS } from '../constants/config.ts'

export interface CapacityOptions {
  /** Most executions at once. */
  limit: number
  metrics: Pick<RuntimeMetrics, 'setInFlight' | 'setInFlightLimit' | 'setQueueLength'>
  /** Whether this process goes away and takes nothing new. */
  draining: () => boolean
  /** Milliseconds of a clock that never goes back. */
  now?: () => number
}

/** Share of the places that one organisation may hold while others are about as well. */
const ORG_SHARE = 0.8
/** An organisation is about when it had an execution within this time. */
const ORG_SEEN_MS = 60_000
/** Organisations that are remembered; the longest unseen goes first. */
const MAX_ORGS = 1000

/** How many executions run at once. What does not fit is refused at once: waiting here would look like a slow runtime. */
export interface Capacity {
  readonly inFlight: number
  readonly limit: number
  /** @throws RequestError when nothing new may begin now */
  check(): void
  /**
   * Takes one place for an organisation. Returns the function that gives it back.
   * @throws RequestError as `check`, and when the organisation would leave too little room for the others
   */
  take(orgId: string): () => void
}

export function createCapacity(options: CapacityOptions): Capacity {
  const { limit, metrics, draining, now = () => performance.now() } = options
  const orgs = new Map<string, { inFlight: number; seenAt: number }>()
  let inFlight = 0
  metrics.setInFlightLimit(limit)
  metrics.setInFlight(0)
  metrics.setQueueLength(0)
  return {
    get inFlight() {
      return inFlight
    },
    limit,
    check,
    take
  }

  function check(): void {
    if (draining())
      throw new RequestError('SHUTTING_DOWN', 'This runtime is shutting down.', {
        retryAfterSeconds: DRAINING_RETRY_AFTER_SECONDS
      })
    if (inFlight >= limit)
      throw new RequestError('RUNTIME_OVERLOADED', `All ${limit} places for executions are taken.`, {
        retryAfterSeconds: OVERLOADED_RETRY_AFTER_SECONDS
      })
  }

  function take(orgId: string): () => void {
    check()
    const org = orgs.get(orgId) ?? { inFlight: 0, seenAt: 0 }
    if (org.inFlight >= Math.max(1, Math.floor(limit * ORG_SHARE)) && othersAreAbout(orgId)) {
      throw new RequestError('RUNTIME_OVERLOADED', 'This organisation has its share of the places for executions.', {
        retryAfterSeconds: OVERLOADED_RETRY_AFTER_SECONDS
      })
    }
    remember(orgId, org)
    org.inFlight++
    metrics.setInFlight(++inFlight)
    let given = false
    return () => {
      if (given) return
      given = true
      org.inFlight--
      org.seenAt = now()
      metrics.setInFlight(--inFlight)
    }
  }

  function othersAreAbout(orgId: string): boolean {
    for (const [other, { inFlight: running, seenAt }] of orgs) {
      if (other !== orgId && (running > 0 || now() - seenAt < ORG_SEEN_MS)) return true
    }
    return false
  }

  /** Keeps the map in the order in which organisations were last seen. */
  function remember(orgId: string, org: { inFlight: number; seenAt: number }): void {
    org.seenAt = now()
    orgs.delete(orgId)
    orgs.set(orgId, org)
    if (orgs.size <= MAX_ORGS) return
    for (const [oldest, { inFlight: running }] of orgs) {
      if (running > 0) continue
      orgs.delete(oldest)
      return
    }
  }
}
