import type { BreakerStatus } from '@semibot/breaker'

/**
 * The status as operators are to see it. While the configuration sends no chat to the runtime, nothing falls
 * back, whatever the breaker remembers of the time before: it tries nothing then, so it cannot find out. An
 * operator's force is always shown.
 */
export function effectiveStatus(status: BreakerStatus, runtimeInUse: boolean): BreakerStatus {
  if (runtimeInUse || status.forced !== null || !status.fallback) return status
  return { ...status, fallback: false, fallbackReason: '', reason: '' }
}
