/** Keeps one tenant from being most of the evidence. */
export interface EvidenceShare {
  /** Whether a finished call of this tenant may count; counts it when so. */
  admits(tenant: string): boolean
}

export interface EvidenceShareOptions {
  /** Calls of others from which on a tenant is limited; below it everything counts, so that one tenant alone still trips. */
  minOthers: () => number
  /** Milliseconds of a clock that never goes back. */
  now: () => number
}

/** How long a call is remembered, at least; at most twice as long. */
const PERIOD_MS = 60_000

/** Tenants told apart; the others share one place. */
const MAX_TENANTS = 1000

/**
 * In each minute a tenant's calls count as long as they are not more than those of all others together. A
 * tenant whose calls alone fail can so make the error rate one half at most, which is not above the default
 * threshold.
 */
export function createEvidenceShare({ minOthers, now }: EvidenceShareOptions): EvidenceShare {
  let calls = new Map<string, number>()
  let total = 0
  let older = { calls: new Map<string, number>(), total: 0 }
  let periodStart = now()

  function turn(): void {
    const ageMs = now() - periodStart
    if (ageMs < PERIOD_MS) return
    older = ageMs < 2 * PERIOD_MS ? { calls, total } : { calls: new Map(), total: 0 }
    calls = new Map()
    total = 0
    periodStart = now()
  }

  return {
    admits(tenant) {
      turn()
      const key = calls.has(tenant) || calls.size < MAX_TENANTS ? tenant : ''
      const inPeriod = calls.get(key) ?? 0
      const own = inPeriod + (older.calls.get(key) ?? 0)
      const all = total + older.total
      const others = all - own
      if (others >= minOthers() && own >= others) return false
      calls.set(key, inPeriod + 1)
      total++
      return true
    }
  }
}
