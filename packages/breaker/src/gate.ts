import type { Admission, Pass, Refusal } from './breaker.ts'
import { isWithinShare } from './instances/rendezvous.ts'
import type { FallbackRecord } from './state/record.ts'
import type { VoteReason } from './state/reducer.ts'
import { rampShare } from './state/rules.ts'
import { reasonOf } from './thresholds.ts'
import type { BreakerState } from './types.ts'

/** Where trials take their permits from. */
export interface PermitSource {
  readonly free: number
  take(): boolean
}

const RAMP: Refusal = Object.freeze({ allowed: false, rule: 'ramp', reason: 'recovered' })
const HALF_OPEN: Refusal = Object.freeze({ allowed: false, rule: 'half_open', reason: 'half_open' })

/** Answers whether a chat may use the runtime. What it answers is made beforehand, when the state changes. */
export class Gate {
  #generation = 0
  #epoch = 0
  #share = 1
  #isOnTrial = false
  #isProven = false
  #answer: Admission = { allowed: true, generation: 0, epoch: 0, isTrial: false }

  /** Goes up with every change of what chats may do; calls that began in an older one no longer count. */
  get generation(): number {
    return this.#generation
  }

  get rampShare(): number {
    return this.#share
  }

  /** The state has changed, for all (`why` empty) or for this replica alone. */
  enter(state: BreakerState, record: FallbackRecord, why: VoteReason | ''): void {
    this.#generation++
    this.#epoch = record.epoch
    this.#isOnTrial = state === 'half_open'
    if (state === 'closed') this.#answer = this.#pass(false)
    else if (state === 'half_open') this.#answer = HALF_OPEN
    else
      this.#answer = {
        allowed: false,
        rule: record.force === null ? 'open' : 'forced_open',
        reason: reasonFor(record, why)
      }
  }

  /** Time has gone by: `ageMs` since the record was entered. */
  follow(record: FallbackRecord, ageMs: number): void {
    this.#share = record.state === 'closed' && record.rule === 'recovered' ? rampShare(ageMs) : 1
    // A probe goes first; chats are risked when one has succeeded.
    this.#isProven = record.results > record.failures
  }

  get isProven(): boolean {
    return this.#isProven
  }

  /** @param takes whether a trial takes its permit; else it is only looked whether it could */
  admit(sessionId: string, permits: PermitSource, takes: boolean): Admission {
    const answer = this.#answer
    if (answer.allowed) return this.#share === 1 || isWithinShare(sessionId, this.#share) ? answer : RAMP
    if (!this.#isOnTrial || !this.#isProven) return answer
    return (takes ? permits.take() : permits.free > 0) ? this.#pass(true) : answer
  }

  #pass(isTrial: boolean): Pass {
    return { allowed: true, generation: this.#generation, epoch: this.#epoch, isTrial }
  }
}

function reasonFor(record: FallbackRecord, why: VoteReason | ''): Refusal['reason'] {
  if (why !== '') return why
  return record.rule === '' ? 'unavailable' : reasonOf(record.rule)
}
