import type { FallbackReason, RateRule, Thresholds, TransitionReason, TransitionRule, WindowSummary } from './types.ts'

/** Recovery needs error and timeout rates below this share of their thresholds, so that one rate cannot flap. */
export const RECOVERY_FACTOR = 0.5

/** A 95th percentile is above a limit when more than this share of the calls is. */
export const P95_SHARE = 0.05

/** Share of slow first tokens that trips when `firstTokenMs` is set and `slowFirstTokenRate` is not. */
export const SLOW_FIRST_TOKEN_RATE = 0.5

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

const RULE_NAMES: Record<RateRule, string> = {
  error_rate: TEXTS.error_rate,
  timeout_rate: TEXTS.timeout_rate,
  latency: TEXTS.latency,
  p95_latency: 'P95 延迟过高的请求',
  first_token: '首字过慢的请求'
}

/** What operators read for a reason, without figures: `错误率过高`. Safe as the end of a log line. */
export function reasonText(reason: TransitionReason): string {
  return TEXTS[reason]
}

/** The reason, a metric label, that a rule belongs to. */
export function reasonOf(rule: TransitionRule): TransitionReason {
  return rule === 'p95_latency' || rule === 'first_token' ? 'latency' : rule
}

/** The rule with its figures, as the admin API shows it: `错误率过高: 55.00% (阈值: 50.00%)`. */
export function ruleText(rule: RateRule, value: number, threshold: number): string {
  const show = rule === 'latency' ? wholeMilliseconds : percent
  return `${RULE_NAMES[rule]}: ${show(value)} (阈值: ${show(threshold)})`
}

/**
 * The first threshold that the window exceeds (strictly), in the order of `RATE_RULES`; null while none is
 * exceeded or there are fewer than `minSamples` samples.
 */
export function evaluateThresholds(summary: WindowSummary, thresholds: Thresholds): FallbackReason | null {
  if (summary.samples < thresholds.minSamples || summary.samples === 0) return null
  const { errorRate, timeoutRate, meanLatencyMs, slowRate, slowFirstTokenRate } = summary
  if (errorRate > thresholds.errorRate) return exceeded('error_rate', errorRate, thresholds.errorRate)
  if (timeoutRate > thresholds.timeoutRate) return exceeded('timeout_rate', timeoutRate, thresholds.timeoutRate)
  if (meanLatencyMs > thresholds.meanLatencyMs) return exceeded('latency', meanLatencyMs, thresholds.meanLatencyMs)
  if (thresholds.p95LatencyMs !== undefined && slowRate > P95_SHARE) return exceeded('p95_latency', slowRate, P95_SHARE)
  const { slowFirstTokenRate: maxSlow = SLOW_FIRST_TOKEN_RATE } = thresholds
  if (thresholds.firstTokenMs !== undefined && slowFirstTokenRate > maxSlow) {
    return exceeded('first_token', slowFirstTokenRate, maxSlow)
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

function exceeded(rule: RateRule, value: number, threshold: number): FallbackReason {
  return {
    reason: reasonOf(rule) as FallbackReason['reason'],
    rule,
    value,
    threshold,
    text: ruleText(rule, value, threshold)
  }
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`
}

function wholeMilliseconds(milliseconds: number): string {
  return `${Math.round(milliseconds)}ms`
}
