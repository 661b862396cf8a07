import type { FallbackReason, Thresholds, TransitionReason, WindowSummary } from './types.ts'

/** First threshold that the window exceeds, in the order error rate, timeout rate, mean latency; else null. */
export function evaluateThresholds(_summary: WindowSummary, _thresholds: Thresholds): FallbackReason | null {
  throw new Error('being written')
}

/** Whether trial calls were good enough to return to the runtime. */
export function hasRecovered(_summary: WindowSummary, _thresholds: Thresholds): boolean {
  throw new Error('being written')
}

/** Operator-facing text of a reason, without figures: `错误率过高`. */
export function reasonText(_reason: TransitionReason): string {
  throw new Error('being written')
}
