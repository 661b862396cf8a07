import type { CallDetails } from './breaker.ts'
import { createEvidenceShare, type EvidenceShare } from './evidence-share.ts'
import { createHeldBack, type HeldBack } from './instances/held-back.ts'
import type { InstanceSet } from './instances/instance-set.ts'
import { countsOf } from './rolling-window.ts'
import type { News } from './store/store.ts'
import type { OutcomeClass, Thresholds, WindowCounts } from './types.ts'

/** The outcomes that say something. */
type TellingOutcome = Exclude<OutcomeClass, 'ignored'>

/** Where an ordinary call began. */
export interface BegunCall {
  /** URL of the instance. */
  instance: string
  /** Of the instance's circuit when the call began. */
  version: number
}

export interface CallEvidenceOptions {
  /** The thresholds at this moment. */
  thresholds: () => Thresholds
  instances: InstanceSet
  /** Tells the store what counts for the runtime as a whole. */
  report: (news: News) => void
  /** Milliseconds of a clock that never goes back. */
  now: () => number
}

/**
 * What the ordinary calls of an epoch say: first about their instance, then, by the window, about the runtime as a
 * whole. There one tenant's calls are never most of the evidence, and the hard errors of one instance of several are
 * held back until it is known whether they are its own.
 */
export class CallEvidence {
  readonly #options: CallEvidenceOptions
  readonly #share: EvidenceShare
  readonly #heldBack: HeldBack

  constructor(options: CallEvidenceOptions) {
    const { thresholds, report, now } = options
    this.#options = options
    this.#share = createEvidenceShare({ minOthers: () => thresholds().minSamples, now })
    this.#heldBack = createHeldBack((counts) => report({ counts, urgent: true }))
  }

  /** The instance has taken the call on: it answers. */
  accepted({ instance, version }: BegunCall): void {
    this.#options.instances.afterCall(instance, version, 'ok')
    this.#heldBack.release(instance)
  }

  /** Counts how a call ended; false when its instance was ejected or has gone since, so that it says nothing any more. */
  ended({ instance, version }: BegunCall, outcome: TellingOutcome, details: CallDetails): boolean {
    const { instances } = this.#options
    if (instances.get(instance)?.live.version !== version) return false
    const hasOther = instances.hasOther(instance)
    instances.afterCall(instance, version, outcome)
    if (outcome === 'ok' || outcome === 'soft_error') this.#heldBack.release(instance)
    const { tenant } = details
    if (tenant !== undefined && !this.#share.admits(tenant)) return true
    const counts = this.#countsOf(outcome, details)
    if (outcome !== 'hard_error' || !hasOther) this.#options.report({ counts, urgent: outcome !== 'ok' })
    else if (instances.isOut(instance)) this.#heldBack.drop(instance)
    else this.#heldBack.add(instance, counts)
    return true
  }

  /** An epoch is over: what is still held back says nothing about the next one. */
  clear(): void {
    this.#heldBack.clear()
  }

  #countsOf(outcome: TellingOutcome, { latencyMs, firstTokenMs = 0 }: CallDetails): WindowCounts {
    const { p95LatencyMs = Number.POSITIVE_INFINITY, firstTokenMs: firstTokenLimitMs = Number.POSITIVE_INFINITY } =
      this.#options.thresholds()
    const inWindow = outcome === 'soft_error' || outcome === 'hard_error' ? 'error' : outcome
    return countsOf(inWindow, latencyMs, latencyMs > p95LatencyMs, firstTokenMs > firstTokenLimitMs)
  }
}
