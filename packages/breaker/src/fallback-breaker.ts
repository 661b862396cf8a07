import type {
  Admission,
  BreakerStatus,
  CallDetails,
  CallOptions,
  CallProgress,
  FallbackBreaker,
  FallbackBreakerOptions,
  ForceOrder,
  Pass
} from './breaker.ts'
import { type Begun, BreakerCore } from './breaker-core.ts'
import { describeStatus } from './breaker-status.ts'
import { CircuitOpenError } from './instances/instance-circuit.ts'
import { classifyError } from './outcome.ts'
import type { OutcomeClass, Thresholds } from './types.ts'

/**
 * The breaker of one api process. It starts closed, begins to listen to its store at once, and needs
 * `close()` at the end.
 */
export function createFallbackBreaker(options: FallbackBreakerOptions): FallbackBreaker {
  return new Breaker(options)
}

const MAX_FORCE_SECONDS = 86_400
const DEFAULT_FORCE_SECONDS = 3600
/** Every replica repeats the last order at its start; one that ends at the same time is the same order. */
const SAME_ORDER_MS = 2000

class Breaker implements FallbackBreaker {
  readonly #core: BreakerCore
  readonly #classify: (error: unknown) => OutcomeClass

  constructor(options: FallbackBreakerOptions) {
    this.#core = new BreakerCore(options)
    this.#classify = options.classify ?? classifyError
  }

  get fallback(): boolean {
    return this.#core.state !== 'closed'
  }

  get forced(): 'open' | 'closed' | null {
    return this.#core.store.record.force?.mode ?? null
  }

  admit(sessionId: string): Admission {
    return this.#core.gate.admit(sessionId, this.#core.trials, true)
  }

  peek(sessionId: string): Admission {
    return this.#core.gate.admit(sessionId, this.#core.trials, false)
  }

  pick(pass: Pass, sessionId: string, exclude?: string): string | null {
    const { picker } = this.#core
    return pass.isTrial ? picker.pickForTrial(sessionId, exclude) : picker.pick(sessionId, exclude)
  }

  pickForAdmitted(sessionId: string): string | null {
    return this.fallback ? null : this.#core.picker.pick(sessionId)
  }

  async call<T>(
    pass: Pass,
    url: string,
    run: (progress: CallProgress) => Promise<T>,
    options: CallOptions = {}
  ): Promise<T> {
    const core = this.#core
    const { generation } = core.gate
    const instance = core.instances.get(url)
    if (instance === undefined || (pass.isTrial && pass.generation !== generation)) throw new CircuitOpenError(url)
    const { version } = instance.live
    const begun: Begun = { generation, isTrial: pass.isTrial, instance: url, version, isCounted: false }
    const startedAt = core.clock.now()
    let firstTokenMs: number | undefined
    const progress: CallProgress = {
      accepted: () => core.accepted(begun),
      firstToken() {
        firstTokenMs ??= core.clock.now() - startedAt
      }
    }
    const end = (outcome: OutcomeClass) => {
      const latencyMs = core.clock.now() - startedAt
      core.ended(begun, outcome, { ...options, latencyMs, ...(firstTokenMs === undefined ? {} : { firstTokenMs }) })
    }
    instance.inFlight++
    try {
      const result = await (pass.isTrial ? instance.trial : instance.live).fire(() => run(progress))
      end('ok')
      return result
    } catch (error) {
      if (!(error instanceof CircuitOpenError)) end(this.#classify(error))
      throw error
    } finally {
      instance.inFlight--
    }
  }

  report(pass: Pass, instance: string, outcome: OutcomeClass, details: CallDetails): void {
    const version = this.#core.instances.get(instance)?.live.version ?? 0
    const { generation, isTrial } = pass
    this.#core.ended({ generation, isTrial, instance, version, isCounted: false }, outcome, details)
  }

  reportHealth(instance: string, isGood: boolean): void {
    this.#core.healthChecked(instance, isGood)
  }

  setInstances(instances: readonly string[]): void {
    this.#core.instances.set(instances)
    this.#core.lookAround()
  }

  setThresholds(thresholds: Thresholds): void {
    this.#core.thresholds = thresholds
  }

  status(): BreakerStatus {
    return describeStatus(this.#core)
  }

  async reset(actor: string): Promise<BreakerStatus> {
    await this.#core.store.order({ type: 'reset', actor })
    return this.status()
  }

  async force(order: ForceOrder): Promise<BreakerStatus> {
    const { mode, reason, actor, expiresInSeconds = DEFAULT_FORCE_SECONDS } = order
    if (!(expiresInSeconds > 0 && expiresInSeconds <= MAX_FORCE_SECONDS)) {
      throw new RangeError(`expiresInSeconds must be above 0 and at most ${MAX_FORCE_SECONDS}, got ${expiresInSeconds}`)
    }
    const { store } = this.#core
    const expiresInMs = Math.round(expiresInSeconds * 1000)
    if (mode === 'auto') await store.order({ type: 'force_auto', actor })
    else if (!this.#holds(order, expiresInMs)) {
      await store.order({ type: `force_${mode}`, actor, text: reason, expiresInMs })
    }
    return this.status()
  }

  ready(): Promise<void> {
    return this.#core.store.ready()
  }

  async close(): Promise<void> {
    this.#core.trials.clear()
    await this.#core.store.close()
    this.#core.instances.close()
  }

  #holds({ mode, reason, actor }: ForceOrder, expiresInMs: number): boolean {
    const { force } = this.#core.store.record
    if (force === null || force.mode !== mode || force.actor !== actor || force.text !== reason) return false
    return Math.abs(force.until - this.#core.clock.now() - expiresInMs) < SAME_ORDER_MS
  }
}
