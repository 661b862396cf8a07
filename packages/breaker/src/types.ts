/**
 * How one call to the runtime ended; exactly one class per call.
 * - `ok`: it gave an answer
 * - `soft_error`: the runtime answered, but with a failure (5xx, error event, broken protocol)
 * - `timeout`: the execution's deadline passed
 * - `hard_error`: no connection, no acceptance, a lost or silent connection
 * - `ignored`: says nothing about the runtime (cancelled, refused for lack of room, the model's or the caller's fault)
 */
export const OUTCOME_CLASSES = ['ok', 'soft_error', 'timeout', 'hard_error', 'ignored'] as const
export type OutcomeClass = (typeof OUTCOME_CLASSES)[number]

/** How a finished call counts in the window; `error` is a soft or a hard one. A timeout is not an error as well. */
export type WindowOutcome = 'ok' | 'error' | 'timeout'

/** Sums over finished calls. Whole numbers, so that they stay exact. */
export interface WindowCounts {
  samples: number
  errors: number
  timeouts: number
  latencyMs: number
  /** Calls that took longer than `Thresholds.p95LatencyMs`. */
  slow: number
  /** Calls whose first token took longer than `Thresholds.firstTokenMs`. */
  slowFirstTokens: number
}

/** What the window holds about the finished calls it still remembers. Rates are fractions 0..1, 0 without samples. */
export interface WindowSummary {
  samples: number
  errors: number
  timeouts: number
  errorRate: number
  timeoutRate: number
  /** Mean over every sample, whatever its class; 0 without samples. */
  meanLatencyMs: number
  slowRate: number
  slowFirstTokenRate: number
}

/** When the window is bad enough to leave the runtime. */
export interface Thresholds {
  /** Fraction of errors above which chats leave the runtime. */
  errorRate: number
  /** Fraction of timeouts above which chats leave the runtime. */
  timeoutRate: number
  /** Mean latency above which chats leave the runtime, milliseconds. */
  meanLatencyMs: number
  /** Below this many samples no rate says anything. */
  minSamples: number
  /** 95th percentile of the latency above which chats leave the runtime, milliseconds. Off when absent. */
  p95LatencyMs?: number
  /** A first token that takes longer than this is slow, milliseconds. Off when absent. */
  firstTokenMs?: number
  /** Fraction of slow first tokens above which chats leave the runtime. Default 0.5; needs `firstTokenMs`. */
  slowFirstTokenRate?: number
}

/** The reasons that the window itself can give, in the order in which they are tried. */
export const RATE_REASONS = ['error_rate', 'timeout_rate', 'latency'] as const
export type RateReason = (typeof RATE_REASONS)[number]

/** The rules behind these reasons; the last two are off by default and come under the reason `latency`. */
export const RATE_RULES = [...RATE_REASONS, 'p95_latency', 'first_token'] as const
export type RateRule = (typeof RATE_RULES)[number]

/** Every reason for which the product state may change; also the metric label `reason`. */
export const TRANSITION_REASONS = [...RATE_REASONS, 'health', 'unavailable', 'forced', 'reset', 'recovered'] as const
export type TransitionReason = (typeof TRANSITION_REASONS)[number]

/** The reason in its finest form: what a record keeps. */
export type TransitionRule = TransitionReason | RateRule

/** Why the window says that chats must leave the runtime. */
export interface FallbackReason {
  reason: RateReason
  rule: RateRule
  /** The measured figure: a fraction, or milliseconds for the rule `latency`. */
  value: number
  /** The threshold that it exceeded, in the same unit. */
  threshold: number
  /** For operators, with the figures: `错误率过高: 55.00% (阈值: 50.00%)`. */
  text: string
}

/** Whether chats may use the runtime: yes, no, or only a few on trial. */
export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const
export type BreakerState = (typeof BREAKER_STATES)[number]
