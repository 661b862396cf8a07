import type { Transition } from './breaker.ts'
import { noCounts, summarize } from './rolling-window.ts'
import { AUTOMATIC, type Change } from './state/exchange.ts'
import { fallbackText } from './state/record.ts'
import type { VoteReason } from './state/reducer.ts'
import { reasonOf, reasonText } from './thresholds.ts'
import type { BreakerState, TransitionReason } from './types.ts'

/** One step of what holds in this replica. */
export interface Step {
  from: BreakerState
  to: BreakerState
  /** Why this replica alone has left the runtime; empty while it has not. */
  why: VoteReason | ''
  epoch: number
  /** Milliseconds since 1970. */
  at: number
  /** This replica made the changes of the product state that led there. */
  decidedHere: boolean
}

/** The same in each transition, whoever made it. */
type TransitionFrame = Pick<Transition, 'at' | 'decidedHere' | 'fallback' | 'wasFallback'>

/** What is to be told of a step: the changes of the product state in order, then what this replica adds by itself. */
export function describeStep(changes: readonly Change[], step: Step): Transition[] {
  const { to, why, epoch, at, decidedHere } = step
  const transitions: Transition[] = []
  let reached = step.from
  const frame = (next: BreakerState): TransitionFrame => {
    const wasFallback = reached !== 'closed'
    reached = next
    return { at, decidedHere, fallback: next !== 'closed', wasFallback }
  }
  for (const change of changes) transitions.push(describeChange(change, frame(change.record.state)))
  if (reached !== to) {
    transitions.push(describeLocalChange(reached, why, epoch, { ...frame(to), decidedHere: true }))
  }
  return transitions
}

/** A change of the product state, as it is told to the outside. */
function describeChange(change: Change, frame: TransitionFrame): Transition {
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
function describeLocalChange(
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
