import { reasonText, ruleText } from '../thresholds.ts'
import { type BreakerState, RATE_RULES, type RateRule, type TransitionRule } from '../types.ts'

/** What an operator has ordered; it beats the evidence until it expires. */
export interface Force {
  mode: 'open' | 'closed'
  /** When it ends, on the clock of the record. */
  until: number
  actor: string
  /** In the operator's words. */
  text: string
}

/** The product state: what all replicas agree on. Times are milliseconds on one clock, the keeper's. */
export interface FallbackRecord {
  /** While a force holds, the state that it orders. */
  state: BreakerState
  /** Goes up with every change of the state; what began in an older one changes nothing. */
  epoch: number
  since: number
  /** Open: when trials begin. Else 0. */
  until: number
  /** Opens in a row, without a calm time between them. */
  streak: number
  /** Half open: finished trials and probes, and how many of them failed. */
  results: number
  failures: number
  /** When the latest permits were given. They outlive the half-open time: what they allowed may still run. */
  grants: readonly number[]
  /** Why the state was entered; while half open, why it had opened. Empty before the first change. */
  rule: TransitionRule | ''
  /** The figure behind the rule and what it exceeded: a rate, milliseconds, or votes of live replicas. */
  value: number
  threshold: number
  force: Force | null
}

/** A breaker that has seen nothing. */
export function initialRecord(now: number): FallbackRecord {
  return {
    state: 'closed',
    epoch: 0,
    since: now,
    until: 0,
    streak: 0,
    results: 0,
    failures: 0,
    grants: [],
    rule: '',
    value: 0,
    threshold: 0,
    force: null
  }
}

const RANK: Record<BreakerState, number> = { closed: 0, half_open: 1, open: 2 }

/** Whether one record replaces another: the higher epoch does; of the same epoch the more careful state. */
export function isNewer(record: FallbackRecord, than: FallbackRecord): boolean {
  return record.epoch > than.epoch || (record.epoch === than.epoch && RANK[record.state] > RANK[than.state])
}

/** The same record on a clock that shows `shiftMs` more. */
export function shiftTimes(record: FallbackRecord, shiftMs: number): FallbackRecord {
  return {
    ...record,
    since: record.since + shiftMs,
    until: record.state === 'open' ? record.until + shiftMs : 0,
    grants: record.grants.map((at) => at + shiftMs),
    force: record.force && { ...record.force, until: record.force.until + shiftMs }
  }
}

/** Why the runtime is not (fully) used, with figures, for the admin API; empty while closed. */
export function fallbackText(record: FallbackRecord): string {
  const { state, rule, value, threshold, force } = record
  if (state === 'closed' || rule === '') return ''
  if (rule === 'forced' && force?.text) return `${reasonText('forced')}: ${force.text}`
  if (isRateRule(rule)) return ruleText(rule, value, threshold)
  const text = reasonText(rule)
  return threshold > 1 ? `${text} (副本: ${value}/${threshold})` : text
}

function isRateRule(rule: TransitionRule): rule is RateRule {
  return (RATE_RULES as readonly string[]).includes(rule)
}
