import type { Thresholds } from '../types.ts'

/** Every number that decides about the product state. Times in milliseconds. */
export interface FallbackRules {
  thresholds: Thresholds
  windowSeconds: number
  maxSamples: number
  /** First wait before trials; it doubles with every open in a row up to `backoffMaxMs`. */
  backoffBaseMs: number
  backoffMaxMs: number
  /** So long closed without a trip, and the opens before it are forgotten. */
  calmMs: number
  /** Trials and probes that may be begun per lease, over all replicas. */
  permits: number
  leaseMs: number
  /** Results needed to close after the first open; as many more with each open in a row, up to `maxTrials`. */
  trials: number
  maxTrials: number
  /** So many failed trials open again at once. */
  maxTrialFailures: number
  /** A replica that was heard of within this time counts in votes. */
  liveMs: number
  /** A replica that was not heard of for this time is forgotten. */
  forgetMs: number
  /** After a silence of all replicas votes are not counted for so long, until each had time to speak. */
  settleMs: number
}

/**
 * The rules of one api process or of many. Sources: thresholds and window are the ops document's, the rest
 * follows Envoy's outlier detection and resilience4j's half-open state. Ten trials take two leases; thirty
 * take longer than ten seconds, so that a runtime that is up for ten seconds at a time does not close a third
 * time, and less than fifteen, so that a healthy one is back in time.
 */
export const DEFAULT_RULES: Omit<FallbackRules, 'thresholds'> = {
  windowSeconds: 300,
  maxSamples: 1000,
  backoffBaseMs: 5000,
  backoffMaxMs: 300_000,
  calmMs: 300_000,
  permits: 5,
  leaseMs: 2000,
  trials: 10,
  maxTrials: 30,
  maxTrialFailures: 3,
  liveMs: 3000,
  forgetMs: 10_000,
  settleMs: 1000
}

/** Of the backoff, at random, so that replicas and deployments do not move in step. */
export const JITTER = 0.1

/**
 * How long the nth open in a row (from 1) waits before trials.
 * @param jitter -1..1, the part of `JITTER` to add
 */
export function backoffMs(streak: number, jitter: number, rules: FallbackRules): number {
  const planned = rules.backoffBaseMs * 2 ** (streak - 1) * (1 + JITTER * jitter)
  return Math.floor(Math.min(rules.backoffMaxMs, planned))
}

/** Results that close after the nth open in a row. */
export function trialsNeeded(streak: number, rules: FallbackRules): number {
  return Math.min(rules.maxTrials, rules.trials * Math.max(1, streak))
}

/** How chats come back after a recovery: the share from each age of the closed state on, milliseconds. */
export const RAMP = [
  { fromMs: 0, share: 0.1 },
  { fromMs: 10_000, share: 0.5 },
  { fromMs: 30_000, share: 1 }
] as const

/** The share of sessions that may use the runtime when it has recovered `ageMs` ago. */
export function rampShare(ageMs: number): number {
  return RAMP.findLast((step) => ageMs >= step.fromMs)?.share ?? RAMP[0].share
}
