import type { Thresholds } from '@semibot/breaker'
import type { ApiEnv } from '../env.ts'

/** Share of CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS that the mean latency may reach. */
const LATENCY_SHARE = 0.8

/** The breaker's thresholds as the environment has them now. */
export function thresholdsOf(env: ApiEnv): Thresholds {
  return {
    errorRate: env.CHAT_RUNTIME_ERROR_RATE_THRESHOLD,
    timeoutRate: env.CHAT_RUNTIME_TIMEOUT_RATE_THRESHOLD,
    meanLatencyMs: LATENCY_SHARE * env.CHAT_RUNTIME_TIMEOUT_THRESHOLD_MS,
    minSamples: env.CHAT_RUNTIME_MIN_SAMPLES
  }
}
