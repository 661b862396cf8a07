import { EventEmitter } from 'node:events'
import type { Clock } from '../clock.ts'
import type { VoteReason } from '../state/reducer.ts'
import type { BreakerState, OutcomeClass } from '../types.ts'
import { InstanceCircuit } from './instance-circuit.ts'
import { hashText } from './rendezvous.ts'
import {
  afterCall,
  afterClose,
  afterHealthCheck,
  afterTime,
  newService,
  type ServiceState,
  stayOut
} from './service-state.ts'

/** One runtime instance with its circuits. */
export interface RuntimeInstance {
  readonly url: string
  readonly hash: number
  /** Carries ordinary calls. */
  readonly live: InstanceCircuit
  /** Carries trials and probes; closed only while the breaker is half open. */
  readonly trial: InstanceCircuit
  inFlight: number
  service: ServiceState
  /** In the running or latest half-open time. */
  trialSucceeded: boolean
  trialFailed: boolean
}

export interface InstanceSetOptions {
  clock: Clock
  /** opossum has turned a call away. */
  onRejected: (instance: string) => void
  /** An instance gets calls again, or no more. */
  onService: (instance: string, isUp: boolean, why: VoteReason | '') => void
}

/** More instances than this are not used: each costs two circuits, a gauge and a health check a second. */
export const MAX_INSTANCES = 64

/** The runtime instances, whether each gets calls, and the circuits that see to it. */
export class InstanceSet {
  readonly #options: InstanceSetOptions
  readonly #rotation = new EventEmitter().setMaxListeners(0)
  #instances = new Map<string, RuntimeInstance>()
  #state: BreakerState = 'closed'
  /** Forced closed: with no instance left, all are used. */
  #ignoreLast = false

  constructor(options: InstanceSetOptions) {
    this.#options = options
  }

  get list(): RuntimeInstance[] {
    return [...this.#instances.values()]
  }

  get size(): number {
    return this.#instances.size
  }

  get(url: string): RuntimeInstance | undefined {
    return this.#instances.get(url)
  }

  /** Makes these the instances; those that stay keep what is known of them. The first `MAX_INSTANCES` count. */
  set(urls: readonly string[]): void {
    const wanted = [...new Set(urls)].slice(0, MAX_INSTANCES)
    const old = this.#instances
    this.#instances = new Map(wanted.map((url) => [url, old.get(url) ?? this.#create(url)]))
    for (const [url, instance] of old) {
      if (this.#instances.has(url)) continue
      instance.live.retire()
      instance.trial.retire()
    }
    this.#align()
  }

  /** Whether an instance may get ordinary calls. */
  isInService(instance: RuntimeInstance): boolean {
    return instance.service.out === '' || this.#isPanic()
  }

  /** Why no instance is left; empty while one is. */
  get outage(): VoteReason | '' {
    let reason: VoteReason | '' = this.#instances.size === 0 ? 'unavailable' : ''
    for (const { service } of this.#instances.values()) {
      if (service.out === '') return ''
      if (reason !== 'unavailable') reason = service.out
    }
    return reason
  }

  /** Whether the health of every instance was bad when it was last asked. */
  get isHealthBad(): boolean {
    return this.list.every(({ service }) => service.badHealth > 0)
  }

  /** Counts a call for the instance itself. `version`: of its circuit when the call began. */
  afterCall(url: string, version: number, outcome: OutcomeClass): void {
    const instance = this.#instances.get(url)
    if (instance === undefined || instance.live.version !== version || this.#state !== 'closed') return
    const isLast = !this.hasOther(instance.url)
    this.#change(instance, afterCall(instance.service, outcome, isLast, this.#options.clock.now()))
  }

  /** Notes the result of a trial or a probe. */
  afterTrial(url: string, succeeded: boolean): void {
    const instance = this.#instances.get(url)
    if (instance === undefined) return
    instance.trialFailed = !succeeded
    if (succeeded) instance.trialSucceeded = true
  }

  /** True when the instance is healthy again after it had not been. */
  afterHealthCheck(url: string, isGood: boolean): boolean {
    const instance = this.#instances.get(url)
    if (instance === undefined) return false
    const { state, recovered } = afterHealthCheck(instance.service, isGood, this.#options.clock.now())
    this.#change(instance, state)
    return recovered
  }

  /** Ends ejections whose time is over. */
  tick(): void {
    for (const instance of this.#instances.values()) {
      this.#change(instance, afterTime(instance.service, this.#options.clock.now()))
    }
  }

  /** Moves the statistics of all circuits on; once a second. */
  rotate(): void {
    this.#rotation.emit('rotate')
  }

  /** The breaker has closed: the instances come back, but for those whose health is bad and that no trial has proven. */
  takeBack(orderedBack: boolean): void {
    for (const instance of this.#instances.values()) {
      const before = instance.service
      instance.service = afterClose(before, instance.trialSucceeded, orderedBack, this.#options.clock.now())
      this.#tell(instance, before)
    }
  }

  /** What is out stays out for another while. */
  keepOut(): void {
    for (const instance of this.#instances.values()) {
      instance.service = stayOut(instance.service, this.#options.clock.now())
    }
  }

  /** Begins an epoch: fresh circuits for all, open or closed as the state says. */
  enter(state: BreakerState, forcedClosed: boolean): void {
    this.#state = state
    this.#ignoreLast = forcedClosed
    for (const instance of this.#instances.values()) {
      if (state === 'half_open') instance.trialSucceeded = instance.trialFailed = false
      instance.live.replace(this.#wantsOpen(instance))
      instance.trial.replace(state !== 'half_open')
    }
  }

  /** Retires every circuit. */
  close(): void {
    this.set([])
  }

  #create(url: string): RuntimeInstance {
    const { clock, onRejected } = this.#options
    const options = { instance: url, rotation: this.#rotation, onRejected: () => onRejected(url) }
    return {
      url,
      hash: hashText(url),
      live: new InstanceCircuit(options, this.#state !== 'closed'),
      trial: new InstanceCircuit(options, this.#state !== 'half_open'),
      inFlight: 0,
      service: newService(clock.now()),
      trialSucceeded: false,
      trialFailed: false
    }
  }

  /** Whether another instance than this one gets calls. */
  hasOther(than: string): boolean {
    for (const instance of this.#instances.values()) {
      if (instance.url !== than && instance.service.out === '') return true
    }
    return false
  }

  /** Whether the instance is known and gets no calls. */
  isOut(url: string): boolean {
    const instance = this.#instances.get(url)
    return instance !== undefined && instance.service.out !== ''
  }

  #isPanic(): boolean {
    return this.#ignoreLast && this.outage !== ''
  }

  #wantsOpen(instance: RuntimeInstance): boolean {
    return this.#state !== 'closed' || !this.isInService(instance)
  }

  #change(instance: RuntimeInstance, service: ServiceState): void {
    const before = instance.service
    instance.service = service
    if (before.out !== service.out) this.#align()
    this.#tell(instance, before)
  }

  /** Opens the circuits of those that are out; those that come back get fresh ones. */
  #align(): void {
    for (const instance of this.#instances.values()) {
      const wantsOpen = this.#wantsOpen(instance)
      if (wantsOpen === instance.live.isOpen) continue
      if (wantsOpen) instance.live.open()
      else instance.live.replace(false)
    }
  }

  #tell(instance: RuntimeInstance, before: ServiceState): void {
    const { out } = instance.service
    if (out !== before.out) this.#options.onService(instance.url, out === '', out === '' ? before.out : out)
  }
}
