import type { CallDetails, FallbackBreakerOptions, Transition } from './breaker.ts'
import { type Clock, systemClock } from './clock.ts'
import { createEvidenceShare } from './evidence-share.ts'
import { Gate } from './gate.ts'
import { createHeldBack } from './instances/held-back.ts'
import { createInstancePicker } from './instances/instance-picker.ts'
import { InstanceSet } from './instances/instance-set.ts'
import { createProber } from './prober.ts'
import { countsOf } from './rolling-window.ts'
import type { VoteReason } from './state/reducer.ts'
import { DEFAULT_RULES, type FallbackRules } from './state/rules.ts'
import { createMemoryStore } from './store/memory-store.ts'
import type { FallbackStore, SelfReport, StoreUpdate } from './store/store.ts'
import { describeChange, describeLocalChange, type TransitionFrame } from './transition.ts'
import { Trials } from './trials.ts'
import type { BreakerState, OutcomeClass, Thresholds } from './types.ts'

/** How one call began; its end counts for that time only. */
export interface Begun {
  generation: number
  isTrial: boolean
  instance: string
  /** Of the instance's circuit. */
  version: number
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
  readonly #share
  readonly #heldBack = createHeldBack((counts) => this.store.report({ counts, urgent: true }))
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
    this.#share = createEvidenceShare({ minOthers: () => this.#rules.thresholds.minSamples, now: () => clock.now() })
    this.instances = new InstanceSet({
      clock,
      onRejected: (instance) => this.#guard(() => options.onRejected?.(instance)),
      onService: (instance, isUp, why) => this.#guard(() => options.onInstance?.(instance, isUp, why))
    })
    this.instances.set(options.instances)
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
    if (begun.isTrial) {
      if (!begun.isCounted) this.#countTrial(begun, true)
      return
    }
    this.instances.afterCall(begun.instance, begun.version, 'ok')
    this.#heldBack.release(begun.instance)
  }

  ended(begun: Begun, outcome: OutcomeClass, details: CallDetails): void {
    // What began before the last change says nothing about the time after it.
    if (begun.generation !== this.gate.generation || outcome === 'ignored') return
    if (begun.isTrial) {
      if (outcome !== 'ok' || !begun.isCounted) this.#countTrial(begun, outcome === 'ok')
      return
    }
    // The instance has been ejected and taken back, or is gone: an old call says nothing about it any more.
    if (this.instances.get(begun.instance)?.live.version !== begun.version) return
    const hasOther = this.instances.hasOther(begun.instance)
    this.instances.afterCall(begun.instance, begun.version, outcome)
    if (outcome === 'ok' || outcome === 'soft_error') this.#heldBack.release(begun.instance)
    const { tenant, latencyMs, firstTokenMs = 0 } = details
    if (tenant === undefined || this.#share.admits(tenant)) {
      const { p95LatencyMs = Number.POSITIVE_INFINITY, firstTokenMs: limitMs = Number.POSITIVE_INFINITY } =
        this.#rules.thresholds
      const inWindow = outcome === 'soft_error' || outcome === 'hard_error' ? 'error' : outcome
      const counts = countsOf(inWindow, latencyMs, latencyMs > p95LatencyMs, firstTokenMs > limitMs)
      if (outcome !== 'hard_error' || !hasOther) this.store.report({ counts, urgent: outcome !== 'ok' })
      else if (this.instances.isOut(begun.instance)) this.#heldBack.drop(begun.instance)
      else this.#heldBack.add(begun.instance, counts)
    }
    this.lookAround()
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
    this.#heldBack.clear()
    this.instances.enter(state, record.force?.mode === 'closed')
    this.gate.enter(state, record, why)
    this.gate.follow(record, this.clock.now() - record.since)

    if (rejoined && state === before) return
    const at = this.clock.wallNow()
    let told = before
    const frame = (to: BreakerState): TransitionFrame => {
      const wasFallback = told !== 'closed'
      told = to
      return { at, decidedHere, fallback: to !== 'closed', wasFallback }
    }
    for (const change of changes) this.#tell(describeChange(change, frame(change.record.state)))
    if (told !== state) this.#tell(describeLocalChange(told, why, record.epoch, { ...frame(state), decidedHere: true }))
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

  #tell(transition: Transition): void {
    this.#guard(() => this.#options.onTransition?.(transition))
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
