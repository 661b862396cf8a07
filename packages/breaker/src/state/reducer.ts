import { noCounts, summarize } from '../rolling-window.ts'
import { evaluateThresholds, hasRecovered } from '../thresholds.ts'
import type { TransitionRule, WindowSummary } from '../types.ts'
import type { FallbackRecord } from './record.ts'
import { backoffMs, type FallbackRules, trialsNeeded } from './rules.ts'

/** Why a replica does not use the runtime by itself. */
export type VoteReason = 'unavailable' | 'health'

/** How many live replicas have left the runtime by themselves. */
export interface Tally {
  open: number
  live: number
  reason: VoteReason
}

/** What an operator orders. Times in milliseconds. */
export type Command =
  | { type: 'reset'; actor: string }
  | { type: 'force_open' | 'force_closed'; actor: string; text: string; expiresInMs: number }
  | { type: 'force_auto'; actor: string }

/** What there is to decide upon. */
export interface Evidence {
  summary: WindowSummary
  /** null while votes are not counted. */
  tally: Tally | null
  /** The runtime answers its health again after it had not. */
  healthRecovered: boolean
  /** -1..1 */
  jitter: number
}

/**
 * The next record upon the evidence, or the same one. Closed opens when a strict majority of the live
 * replicas has left the runtime or a threshold is exceeded; open goes on trial when its time has come or the
 * runtime's health is back; half open closes after enough good trials and opens again after too many bad ones.
 */
export function decide(record: FallbackRecord, evidence: Evidence, now: number, rules: FallbackRules): FallbackRecord {
  if (record.force !== null) return record
  switch (record.state) {
    case 'closed': {
      const { tally, summary } = evidence
      if (tally !== null && tally.open * 2 > tally.live) {
        return trip(record, tally.reason, tally.open, tally.live, evidence.jitter, now, rules)
      }
      const reason = evaluateThresholds(summary, rules.thresholds)
      if (reason === null) return record
      return trip(record, reason.rule, reason.value, reason.threshold, evidence.jitter, now, rules)
    }
    case 'open':
      return now >= record.until || evidence.healthRecovered ? goOnTrial(record, now) : record
    case 'half_open':
      return judgeTrials(record, evidence.jitter, now, rules)
  }
}

/** The record after an operator's order. `force_auto` without a force changes nothing. */
export function obey(record: FallbackRecord, command: Command, now: number): FallbackRecord {
  switch (command.type) {
    case 'reset':
      return enter(record, now, { state: 'closed', streak: 0, rule: 'reset', force: null })
    case 'force_open':
    case 'force_closed': {
      const mode = command.type === 'force_open' ? 'open' : 'closed'
      const until = now + command.expiresInMs
      const force = { mode, until, actor: command.actor, text: command.text } as const
      return enter(record, now, { state: mode, until: mode === 'open' ? until : 0, streak: 0, rule: 'forced', force })
    }
    case 'force_auto':
      return record.force === null ? record : endForce(record, now)
  }
}

/**
 * The record when its force has ended, by time or by order. What was forced open is tried before it is used;
 * what was forced closed starts with an empty window.
 */
export function endForce(record: FallbackRecord, now: number): FallbackRecord {
  const state = record.state === 'open' ? 'half_open' : 'closed'
  return enter(record, now, { state, rule: 'forced', force: null })
}

/** The record with further results of trials. */
export function countTrials(record: FallbackRecord, succeeded: number, failed: number): FallbackRecord {
  if (record.state !== 'half_open' || succeeded + failed === 0) return record
  return { ...record, results: record.results + succeeded + failed, failures: record.failures + failed }
}

/** Gives up to `wanted` permits; together with those of the last lease they are never more than the limit. */
export function grantPermits(
  record: FallbackRecord,
  wanted: number,
  now: number,
  rules: FallbackRules
): { record: FallbackRecord; granted: number } {
  if (record.state !== 'half_open' || wanted <= 0) return { record, granted: 0 }
  const running = record.grants.filter((at) => now - at < rules.leaseMs)
  const granted = Math.max(0, Math.min(wanted, rules.permits - running.length))
  if (granted === 0) return { record, granted }
  return { record: { ...record, grants: [...running, ...Array<number>(granted).fill(now)] }, granted }
}

function trip(
  record: FallbackRecord,
  rule: TransitionRule,
  value: number,
  threshold: number,
  jitter: number,
  now: number,
  rules: FallbackRules
): FallbackRecord {
  const calm = record.state === 'closed' && now - record.since >= rules.calmMs
  const streak = calm ? 1 : Math.min(record.streak + 1, MAX_STREAK)
  const until = now + backoffMs(streak, jitter, rules)
  return enter(record, now, { state: 'open', until, streak, rule, value, threshold })
}

/** The backoff has reached its maximum long before; the number only has to stay small. */
export const MAX_STREAK = 20

function goOnTrial(record: FallbackRecord, now: number): FallbackRecord {
  const { rule, value, threshold } = record
  return enter(record, now, { state: 'half_open', rule, value, threshold })
}

function judgeTrials(record: FallbackRecord, jitter: number, now: number, rules: FallbackRules): FallbackRecord {
  const { results, failures } = record
  if (failures < rules.maxTrialFailures) {
    const minSamples = trialsNeeded(record.streak, rules)
    if (results < minSamples) return record
    const trials = summarize({ ...noCounts(), samples: results, errors: failures })
    if (hasRecovered(trials, { ...rules.thresholds, minSamples })) {
      return enter(record, now, { state: 'closed', rule: 'recovered', value: failures, threshold: results })
    }
  }
  // An order that has ended is no reason any more: that the trials fail is.
  if (record.rule === 'forced') return trip(record, 'unavailable', 0, 0, jitter, now, rules)
  return trip(record, record.rule as TransitionRule, record.value, record.threshold, jitter, now, rules)
}

function enter(record: FallbackRecord, now: number, change: Partial<FallbackRecord>): FallbackRecord {
  return {
    ...record,
    epoch: record.epoch + 1,
    since: now,
    until: 0,
    results: 0,
    failures: 0,
    value: 0,
    threshold: 0,
    ...change
  }
}
