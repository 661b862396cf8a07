import type { Registry } from '@prometheus-io/client'
import type {
  BREAKER_STATES,
  EXECUTION_ERROR_CODES,
  FALLBACK_EXECUTION_REASONS,
  MODES,
  PROBE_RESULTS,
  REQUEST_OUTCOMES,
  SHADOW_VERDICTS,
  SHED_REASONS,
  TRANSITION_REASONS
} from './names.ts'

export type Mode = (typeof MODES)[number]
export type ExecutionErrorCode = (typeof EXECUTION_ERROR_CODES)[number]
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number]
export type BreakerState = (typeof BREAKER_STATES)[number]
export type TransitionReason = (typeof TRANSITION_REASONS)[number]
export type FallbackExecutionReason = (typeof FALLBACK_EXECUTION_REASONS)[number]
export type ProbeResult = (typeof PROBE_RESULTS)[number]
export type ShadowVerdict = (typeof SHADOW_VERDICTS)[number]
export type ShedReason = (typeof SHED_REASONS)[number]

/** One finished attempt. */
export type ExecutionResult =
  | { ok: true; latencyMs: number }
  | { ok: false; code: ExecutionErrorCode; latencyMs: number }

/** What the api reports of chats. Every method is synchronous and never throws on a valid argument. */
export interface ChatMetrics {
  executionFinished(mode: Mode, result: ExecutionResult): void
  executionCancelled(mode: Mode): void
  executionStarted(mode: Mode): void
  executionEnded(mode: Mode): void
  setInFlightLimit(mode: Mode, limit: number): void
  requestFinished(outcome: RequestOutcome): void
  firstToken(mode: Mode, seconds: number): void
  outputRate(mode: Mode, tokensPerSecond: number): void
  tokens(mode: Mode, input: number, output: number): void
  fallbackExecution(reason: FallbackExecutionReason): void
  fallbackTransition(to: BreakerState, reason: TransitionReason): void
  setFallback(enabled: boolean, forced: boolean): void
  setBreakerState(state: BreakerState): void
  breakerRejection(): void
  setInstanceUp(target: string, up: boolean): void
  removeInstance(target: string): void
  probe(result: ProbeResult): void
  shadow(verdict: ShadowVerdict): void
  shed(reason: ShedReason): void
  healthCheck(ok: boolean, seconds: number): void
}

export interface ChatMetricsOptions {
  /** RUNTIME_EXECUTION_TIMEOUT_MS: appended to the latency buckets when it lies above them. */
  executionTimeoutMs?: number
}

export function createChatMetrics(_registry: Registry, _options: ChatMetricsOptions = {}): ChatMetrics {
  throw new Error('being written')
}
