/** Share of the places that one organisation may hold while others are about as well. */
const ORG_SHARE = 0.8
/** An organisation is about when it had an execution within this time. */
const ORG_SEEN_MS = 60_000
/** Organisations that are remembered; the longest unseen goes first. */
const MAX_ORGS = 1000

/** The places for executions: how many are taken, and by whom. */
export interface Places {
  readonly limit: number
  readonly inFlight: number
  /** Takes one place; or says why not. */
  take(orgId: string): 'full' | 'org_share' | undefined
  /** Gives one place of this organisation back. */
  give(orgId: string): void
}

/** `now`: milliseconds of a clock that never goes back. */
export function createPlaces(limit: number, now: () => number = () => performance.now()): Places {
  const orgs = new Map<string, { inFlight: number; seenAt: number }>()
  let inFlight = 0
  return {
    limit,
    get inFlight() {
      return inFlight
    },
    take(orgId) {
      if (inFlight >= limit) return 'full'
      const org = orgs.get(orgId) ?? { inFlight: 0, seenAt: 0 }
      if (org.inFlight >= Math.max(1, Math.floor(limit * ORG_SHARE)) && othersAreAbout(orgId)) return 'org_share'
      remember(orgId, org)
      org.inFlight++
      inFlight++
      return undefined
    },
    give(orgId) {
      const org = orgs.get(orgId)
      if (org === undefined || org.inFlight === 0) return
      org.inFlight--
      org.seenAt = now()
      inFlight--
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
