import type { FallbackReason, RateReason, Thresholds, TransitionReason, WindowSummary } from './types.ts'

/** Recovery needs error and timeout rates below this share of their thresholds, so that one rate cannot flap. */
export const RECOVERY_FACTOR = 0.5

const TEXTS: Record<TransitionReason, string> = {
  error_rate: '错误率过高',
  timeout_rate: '超时率过高',
  latency: '平均延迟过高',
  health: '健康检查未通过',
  unavailable: '无法连接',
  forced: '手动强制',
  reset: '手动重置',
  recovered: '指标恢复正常'
}

/** What operators read for a reason, without figures: `错误率过高`. Safe as the end of a log line. */
export function reasonText(reason: TransitionReason): string {
  return TEXTS[reason]
}

/**
 * The first threshold that the window exceeds (strictly), in the order error rate, timeout rate, mean
 * latency; null while none is exceeded or there are fewer than `minSamples` samples.
 */
export function evaluateThresholds(summary: WindowSummary, thresholds: Thresholds): FallbackReason | null {
  if (summary.samples < thresholds.minSamples || summary.samples === 0) return null
  if (summary.errorRate > thresholds.errorRate) return reason('error_rate', summary.errorRate, thresholds.errorRate)
  if (summary.timeoutRate > thresholds.timeoutRate) {
    return reason('timeout_rate', summary.timeoutRate, thresholds.timeoutRate)
  }
  if (summary.meanLatencyMs > thresholds.meanLatencyMs) {
    return reason('latency', summary.meanLatencyMs, thresholds.meanLatencyMs)
  }
  return null
}

/**
 * Whether trial calls were good enough to use the runtime again: at least `minSamples` of them, error and
 * timeout rates each below `RECOVERY_FACTOR` of the threshold that would trip, and the mean latency not
 * above its own. A threshold of 0 asks for a rate of exactly 0.
 */
export function hasRecovered(summary: WindowSummary, thresholds: Thresholds): boolean {
  return (
    summary.samples > 0 &&
    summary.samples >= thresholds.minSamples &&
    isWellBelow(summary.errorRate, thresholds.errorRate) &&
    isWellBelow(summary.timeoutRate, thresholds.timeoutRate) &&
    summary.meanLatencyMs <= thresholds.meanLatencyMs
  )
}

function isWellBelow(rate: number, threshold: number): boolean {
  return rate === 0 || rate < threshold * RECOVERY_FACTOR
}

function reason(code: RateReason, value: number, threshold: number): FallbackReason {
  const show = code === 'latency' ? wholeMilliseconds : percent
  return { reason: code, value, threshold, text: `${TEXTS[code]}: ${show(value)} (阈值: ${show(threshold)})` }
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`
}

function wholeMilliseconds(milliseconds: number): string {
  return `${Math.round(milliseconds)}ms`
}
