import type { Transition } from './breaker.ts'
import { noCounts, summarize } from './rolling-window.ts'
import { AUTOMATIC, type Change } from './state/exchange.ts'
import { fallbackText } from './state/record.ts'
import type { VoteReason } from './state/reducer.ts'
import { reasonOf, reasonText } from './thresholds.ts'
import type { BreakerState, TransitionReason } from './types.ts'

/** What the breaker adds to a change that it learned of. */
export interface TransitionFrame {
  at: number
  decidedHere: boolean
  fallback: boolean
  wasFallback: boolean
}

/** A change of the product state, as it is told to the outside. */
export function describeChange(change: Change, frame: TransitionFrame): Transition {
  const { record, votes, live, results, failures } = change
  const reason: TransitionReason = record.rule === '' ? 'recovered' : reasonOf(record.rule)
  return {
    ...frame,
    from: change.from,
    to: record.state,
    reason,
    reasonText: reasonText(reason),
    text: fallbackText(record) || reasonText(reason),
    evidence: {
      ...summarize(change.counts),
      value: record.value,
      threshold: record.threshold,
      votes,
      live,
      trials: results,
      failedTrials: failures,
      streak: record.streak
    },
    actor: change.actor,
    epoch: record.epoch,
    scope: 'cluster'
  }
}

/** This replica alone leaves the runtime (`why`), or is back. */
export function describeLocalChange(
  from: BreakerState,
  why: VoteReason | '',
  epoch: number,
  frame: TransitionFrame
): Transition {
  const reason: TransitionReason = why === '' ? 'recovered' : why
  return {
    ...frame,
    from,
    to: why === '' ? 'closed' : 'open',
    reason,
    reasonText: reasonText(reason),
    text: reasonText(reason),
    evidence: {
      ...summarize(noCounts()),
      value: 0,
      threshold: 0,
      votes: 1,
      live: 1,
      trials: 0,
      failedTrials: 0,
      streak: 0
    },
    actor: AUTOMATIC,
    epoch,
    scope: 'replica'
  }
}
