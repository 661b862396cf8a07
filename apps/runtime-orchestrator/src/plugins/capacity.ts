import type { RuntimeMetrics } from '@semibot/metrics'
import { RequestError } from '@semibot/service-kit'
import { DRAINING_RETRY_AFTER_SECONDS, OVERLOADED_RETRY_AFTER_SECONDS } from '../constants/config.ts'

export interface CapacityOptions {
  /** Most executions at once. */
  limit: number
  metrics: Pick<RuntimeMetrics, 'setInFlight' | 'setInFlightLimit' | 'setQueueLength'>
  /** Whether this process goes away and takes nothing new. */
  draining: () => boolean
}

/** How many executions run at once. What does not fit is refused at once: waiting here would look like a slow runtime. */
export interface Capacity {
  readonly inFlight: number
  readonly limit: number
  /** @throws RequestError when nothing new may begin now */
  check(): void
  /** Takes one place. Returns the function that gives it back. @throws RequestError as `check` */
  take(): () => void
}

export function createCapacity({ limit, metrics, draining }: CapacityOptions): Capacity {
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
      throw new RequestError('SHUTTING_DOWN', 'this runtime is shutting down', {
        retryAfterSeconds: DRAINING_RETRY_AFTER_SECONDS
      })
    if (inFlight >= limit)
      throw new RequestError('RUNTIME_OVERLOADED', `all ${limit} places for executions are taken`, {
        retryAfterSeconds: OVERLOADED_RETRY_AFTER_SECONDS
      })
  }

  function take(): () => void {
    check()
    metrics.setInFlight(++inFlight)
    let given = false
    return () => {
      if (given) return
      given = true
      metrics.setInFlight(--inFlight)
    }
  }
}
