import type { CallDetails, FallbackBreakerOptions } from './breaker.ts'
import { type BegunCall, CallEvidence } from './call-evidence.ts'
import { type Clock, systemClock } from './clock.ts'
import { Gate } from './gate.ts'
import { createInstancePicker } from './instances/instance-picker.ts'
import { InstanceSet } from './instances/instance-set.ts'
import { createProber } from './prober.ts'
import type { VoteReason } from './state/reducer.ts'
import { DEFAULT_RULES, type FallbackRules } from './state/rules.ts'
import { createMemoryStore } from './store/memory-store.ts'
import type { FallbackStore, SelfReport, StoreUpdate } from './store/store.ts'
import { describeStep } from './transition.ts'
import { Trials } from './trials.ts'
import type { BreakerState, OutcomeClass, Thresholds } from './types.ts'

/** How one call began; its end counts for that time only. */
export interface Begun extends BegunCall {
  generation: number
  isTrial: boolean
  /** A trial that was accepted has been counted as good. */
  isCounted: boolean
}

/** A half-open replica that sees only bad health waits so long for another one that sees better. */
const UNHEALTHY_TRIAL_AFTER_MS = 4000
/** And then tries one at a time, so often. */
const UNHEALTHY_TRIAL_EVERY_MS = 500
const ROTATE_MS = 1000

const NOTHING_NEW = { changes: [], decidedHere: true, rejoined: false }

/** Brings the store, the instances with their circuits and the gate together, and keeps them in step. */
export class BreakerCore {
  readonly clock: Clock
  readonly store: FallbackStore
  readonly instances: InstanceSet
  readonly trials: Trials
  readonly gate = new Gate()
  readonly picker
  readonly #options: FallbackBreakerOptions
  readonly #evidence: CallEvidence
  #rules: FallbackRules
  #state: BreakerState = 'closed'
  #revision = 0
  /** Why only this replica left the runtime, and since when. */
  #localWhy: VoteReason | '' = ''
  #localSince = 0
  #told: VoteReason | '' = ''
  #healthRecovered = false
  #rotatedAt = 0

  constructor(options: FallbackBreakerOptions) {
    const { clock = systemClock, random = Math.random, store = createMemoryStore() } = options
    const { windowSeconds = DEFAULT_RULES.windowSeconds, maxSamples = DEFAULT_RULES.maxSamples } = options
    this.#options = options
    this.clock = clock
    this.store = store
    this.#rules = { ...DEFAULT_RULES, windowSeconds, maxSamples, thresholds: options.thresholds }
    this.instances = new InstanceSet({
      clock,
      onRejected: (instance) => this.#guard(() => options.onRejected?.(instance)),
      onService: (instance, isUp, why) => this.#guard(() => options.onInstance?.(instance, isUp, why))
    })
    this.instances.set(options.instances)
    this.#evidence = new CallEvidence({
      thresholds: () => this.#rules.thresholds,
      instances: this.instances,
      report: (news) => store.report(news),
      now: () => clock.now()
    })
    this.picker = createInstancePicker(this.instances)
    this.trials = new Trials(clock, () => void this.#probe())
    store.start({
      clock,
      random,
      rules: () => this.#rules,
      self: () => this.#self(),
      onUpdate: (update) => this.#onUpdate(update)
    })
    this.lookAround()
  }

  get rules(): FallbackRules {
    return this.#rules
  }

  set thresholds(thresholds: Thresholds) {
    this.#rules = { ...this.#rules, thresholds }
  }

  /** What holds here: the product state, or open while this replica alone has left the runtime. */
  get state(): BreakerState {
    return this.#state
  }

  get local(): { why: VoteReason | ''; since: number } {
    return { why: this.#localWhy, since: this.#localSince }
  }

  accepted(begun: Begun): void {
    if (begun.generation !== this.gate.generation) return
    if (!begun.isTrial) this.#evidence.accepted(begun)
    else if (!begun.isCounted) this.#countTrial(begun, true)
  }

  ended(begun: Begun, outcome: OutcomeClass, details: CallDetails): void {
    // What began before the last change says nothing about the time after it.
    if (begun.generation !== this.gate.generation || outcome === 'ignored') return
    if (begun.isTrial) {
      if (outcome !== 'ok' || !begun.isCounted) this.#countTrial(begun, outcome === 'ok')
      return
    }
    if (this.#evidence.ended(begun, outcome, details)) this.lookAround()
  }

  healthChecked(instance: string, isGood: boolean): void {
    const recovered = this.instances.afterHealthCheck(instance, isGood)
    const { state, force } = this.store.record
    if (recovered && state === 'open' && force === null) {
      this.#healthRecovered = true
      this.store.report({ urgent: true })
    }
    this.lookAround()
  }

  /** Acts upon what has changed in this replica. */
  lookAround(): void {
    const vote = this.#vote()
    if (vote !== this.#told) {
      this.#told = vote
      this.store.report({ urgent: true })
    }
    this.#refresh(NOTHING_NEW)
  }

  #vote(): VoteReason | '' {
    const { state, force } = this.store.record
    return state === 'closed' && force === null ? this.instances.outage : ''
  }

  #self(): SelfReport {
    return { vote: this.#vote(), wanted: this.#wanted(), healthRecovered: this.#healthRecovered }
  }

  #wanted(): number {
    const { record } = this.store
    if (record.state !== 'half_open' || this.#options.mayProbe?.() === false) return 0
    if (record.results === record.failures && this.instances.isHealthBad) {
      const now = this.clock.now()
      const isTime =
        now - record.since >= UNHEALTHY_TRIAL_AFTER_MS && now - this.trials.grantedAt >= UNHEALTHY_TRIAL_EVERY_MS
      return isTime ? 1 : 0
    }
    return Math.max(0, this.#rules.permits - this.trials.free)
  }

  #onUpdate(update: StoreUpdate): void {
    const now = this.clock.now()
    this.#refresh(update)
    const { record } = this.store
    if (record.state !== 'open') this.#healthRecovered = false
    this.gate.follow(record, now - record.since)
    if (update.granted > 0 && now - update.askedAt < this.#rules.leaseMs / 4) {
      this.trials.grant(update.granted, this.gate.isProven)
    }
    if (record.state === 'closed') this.instances.tick()
    if (now - this.#rotatedAt >= ROTATE_MS) {
      this.#rotatedAt = now
      this.instances.rotate()
    }
    this.lookAround()
  }

  /** Brings circuits and gate to the state that holds now, and tells what has changed. */
  #refresh({ changes, decidedHere, rejoined }: Pick<StoreUpdate, 'changes' | 'decidedHere' | 'rejoined'>): void {
    const { record, revision } = this.store
    const isNew = revision !== this.#revision
    if (isNew) {
      this.#revision = revision
      this.#told = ''
      // What this replica found out alone stays its own view, and its vote.
      if (rejoined) this.instances.keepOut()
      else if (record.state === 'closed') this.instances.takeBack(record.rule !== 'recovered')
    }
    const before = this.#state
    const why = this.store.decidesAlone ? '' : this.#vote()
    const state = why === '' ? record.state : 'open'
    if (!isNew && state === before && why === this.#localWhy) return

    const wasLocal = this.#localWhy !== ''
    this.#state = state
    this.#localWhy = why
    if (why !== '' && !wasLocal) this.#localSince = this.clock.now()
    this.trials.clear()
    this.#evidence.clear()
    this.instances.enter(state, record.force?.mode === 'closed')
    this.gate.enter(state, record, why)
    this.gate.follow(record, this.clock.now() - record.since)

    if (rejoined && state === before) return
    const step = { from: before, to: state, why, epoch: record.epoch, at: this.clock.wallNow(), decidedHere }
    for (const transition of describeStep(changes, step)) {
      this.#guard(() => this.#options.onTransition?.(transition))
    }
  }

  #countTrial(begun: Begun, succeeded: boolean): void {
    begun.isCounted = true
    this.instances.afterTrial(begun.instance, succeeded)
    this.store.report({ trialSucceeded: succeeded, urgent: true })
  }

  async #probe(): Promise<void> {
    const { generation } = this.gate
    const { probe, onProbe } = this.#options
    const run = createProber({
      clock: this.clock,
      probe,
      next: () => this.picker.pickForProbe(),
      onResult: ({ url, live }, succeeded) => {
        this.#guard(() => onProbe?.(url, succeeded))
        if (generation !== this.gate.generation) return
        this.#countTrial(
          { generation, isTrial: true, instance: url, version: live.version, isCounted: false },
          succeeded
        )
      }
    })
    await run()
  }

  /** The callbacks are the caller's; what they throw must not stop the breaker. */
  #guard(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#options.onError?.(error)
    }
  }
}
