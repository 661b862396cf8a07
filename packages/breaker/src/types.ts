/** How one finished call to the runtime counts. Exactly one class per call: a timeout is not an error as well. */
export type OutcomeClass = 'ok' | 'error' | 'timeout'

/** What the window holds about the finished calls it still remembers. Rates are fractions 0..1, 0 without samples. */
export interface WindowSummary {
  samples: number
  errors: number
  timeouts: number
  errorRate: number
  timeoutRate: number
  /** Mean over every sample, whatever its class; 0 without samples. */
  meanLatencyMs: number
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
}

/** The reasons that the window itself can give, in the order in which they are tried. */
export const RATE_REASONS = ['error_rate', 'timeout_rate', 'latency'] as const
export type RateReason = (typeof RATE_REASONS)[number]

/** Every reason for which the product state may change; also the metric label `reason`. */
export const TRANSITION_REASONS = [...RATE_REASONS, 'health', 'unavailable', 'forced', 'reset', 'recovered'] as const
export type TransitionReason = (typeof TRANSITION_REASONS)[number]

/** Why the window says that chats must leave the runtime. */
export interface FallbackReason {
  reason: RateReason
  /** The measured figure: a fraction, or milliseconds for `latency`. */
  value: number
  /** The threshold that it exceeded, in the same unit. */
  threshold: number
  /** For operators, with the figures: `错误率过高: 55.00% (阈值: 50.00%)`. */
  text: string
}
