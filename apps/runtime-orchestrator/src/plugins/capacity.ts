import type { RefusalReason, RuntimeMetrics } from '@semibot/metrics'
import { RequestError } from '@semibot/service-kit'
import { DRAINING_RETRY_AFTER_SECONDS, OVERLOADED_RETRY_AFTER_SECONDS } from '../constants/config.ts'
import type { Places } from '../workers/places.ts'
import type { MemoryWatch } from './memory.ts'

/** Where the places for executions are counted: in this process, or by the launcher for all workers together. */
export interface PlaceSource {
  readonly limit: number
  claim(executionId: string, orgId: string): Claim | Promise<Claim>
  /** Gives the place of one execution of this organisation back. `givenAway`: others may go on with it. */
  release(orgId: string, givenAway?: string): void
  /** How many are taken. */
  inFlight(): number | Promise<number>
}

export type Claim = { kind: 'granted' } | { kind: 'refused'; reason: 'full' | 'org_share' } | Elsewhere

/** Another worker of this runtime has this execution and takes calls for it at this port of the loopback interface. */
export interface Elsewhere {
  kind: 'elsewhere'
  port: number
}

/** `here`: run it, and give the place back at its end, of which the report may be given. */
export type Place = { kind: 'here'; giveBack: (report?: { status: string }) => void } | Elsewhere

export interface CapacityOptions {
  places: PlaceSource
  memory: Pick<MemoryWatch, 'tooNear'>
  metrics: Pick<RuntimeMetrics, 'setInFlight' | 'setInFlightLimit' | 'setQueueLength' | 'refused'>
  /** Whether this process goes away and takes nothing new. */
  draining: () => boolean
}

interface Refusal {
  reason: RefusalReason
  /** For the operator. */
  detail?: string
}

/** How many executions run at once. What does not fit is refused at once: waiting here would look like a slow runtime. */
export interface Capacity {
  readonly limit: number
  /**
   * How many executions run now.
   * @throws RequestError when nothing new may begin now
   */
  check(): Promise<number>
  /**
   * Takes one place.
   * @throws RequestError as `check`, and when the organisation would leave too little room for the others
   */
  take(executionId: string, orgId: string): Promise<Place>
}

export function createCapacity({ places, memory, metrics, draining }: CapacityOptions): Capacity {
  const { limit } = places
  let running = 0
  metrics.setInFlightLimit(limit)
  metrics.setInFlight(0)
  metrics.setQueueLength(0)
  return {
    limit,
    async check() {
      const closed = whyClosed()
      if (closed !== undefined) throw refusal(closed)
      const inFlight = await places.inFlight()
      if (inFlight >= limit) throw refusal({ reason: 'full' })
      return inFlight
    },
    async take(executionId, orgId) {
      const claim = whyClosed() ?? (await places.claim(executionId, orgId))
      if ('reason' in claim) {
        metrics.refused(claim.reason)
        throw refusal(claim)
      }
      if (claim.kind === 'elsewhere') return claim
      metrics.setInFlight(++running)
      let given = false
      const giveBack = (report?: { status: string }): void => {
        if (given) return
        given = true
        metrics.setInFlight(--running)
        places.release(orgId, report?.status === 'interrupted' ? executionId : undefined)
      }
      return { kind: 'here', giveBack }
    }
  }

  /** Why this process takes nothing, however many places are free. */
  function whyClosed(): Refusal | undefined {
    if (draining()) return { reason: 'draining' }
    const near = memory.tooNear()
    return near && { reason: 'memory', detail: `${near.limit}: ${Math.round(near.ratio * 100)} % used` }
  }

  function refusal({ reason, detail }: Refusal): RequestError {
    if (reason === 'draining')
      return new RequestError('SHUTTING_DOWN', 'This runtime is shutting down.', {
        retryAfterSeconds: DRAINING_RETRY_AFTER_SECONDS
      })
    return new RequestError('RUNTIME_OVERLOADED', refusalText(reason, limit), {
      details: [{ path: 'reason', message: detail === undefined ? reason : `${reason}, ${detail}` }],
      retryAfterSeconds: OVERLOADED_RETRY_AFTER_SECONDS
    })
  }
}

/** The places of a runtime that is one process. */
export function localPlaces(places: Places): PlaceSource {
  return {
    limit: places.limit,
    claim(_executionId, orgId) {
      const reason = places.take(orgId)
      return reason === undefined ? { kind: 'granted' } : { kind: 'refused', reason }
    },
    release: (orgId) => places.give(orgId),
    inFlight: () => places.inFlight
  }
}

function refusalText(reason: Exclude<RefusalReason, 'draining'>, limit: number): string {
  switch (reason) {
    case 'full':
      return `All ${limit} places for executions are taken.`
    case 'org_share':
      return 'This organisation has its share of the places for executions.'
    case 'memory':
      return 'This runtime is short of memory.'
  }
}
