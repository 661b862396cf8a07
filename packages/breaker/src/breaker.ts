import type { Clock } from './clock.ts'
import type { VoteReason } from './state/reducer.ts'
import type { FallbackStore } from './store/store.ts'
import type { BreakerState, OutcomeClass, Thresholds, TransitionReason, WindowSummary } from './types.ts'

/** Decides whether chats may use the runtime, and carries their calls. Made by `createFallbackBreaker`. */
export interface FallbackBreaker {
  /** Whether chats are to fall back at this moment. No I/O, no clock. */
  readonly fallback: boolean
  /** The state that an operator has ordered; null without such an order. No I/O, no clock. */
  readonly forced: 'open' | 'closed' | null
  /** May this chat use the runtime now? Takes a permit while only trials may. Never throws. */
  admit(sessionId: string): Admission
  /** The same answer without taking anything: for explaining. */
  peek(sessionId: string): Admission
  /** The instance for this chat; null when none but the excluded one is left. */
  pick(pass: Pass, sessionId: string, exclude?: string): string | null
  /**
   * The instance that goes on with a chat which was admitted before and has lost its own. The share of sessions that
   * a recovered runtime begins with is about new chats and holds none of these up. null unless the breaker is closed:
   * half open there is room for calls that are counted only.
   */
  pickForAdmitted(sessionId: string): string | null
  /**
   * Runs a call on an instance, through its circuit, and counts how it ended: `run` must settle at the end of
   * the execution. @throws CircuitOpenError when the call is turned away; else what `run` rejects with
   */
  call<T>(pass: Pass, instance: string, run: (progress: CallProgress) => Promise<T>, options?: CallOptions): Promise<T>
  /** Counts an outcome that became known otherwise than by `call`. */
  report(pass: Pass, instance: string, outcome: OutcomeClass, details: CallDetails): void
  /** One health check of an instance has ended. */
  reportHealth(instance: string, isGood: boolean): void
  /** Replaces the list of instances; the first 64 count. */
  setInstances(instances: readonly string[]): void
  /** Judges by these from now on; the window stays. */
  setThresholds(thresholds: Thresholds): void
  status(): BreakerStatus
  /** Back to closed, with nothing remembered, on every replica. */
  reset(actor: string): Promise<BreakerStatus>
  /**
   * Opens or closes on every replica, whatever the evidence says, until the order expires; `auto` ends such an order.
   * @throws {RangeError} when `expiresInSeconds` is not above 0 and at most 86400
   */
  force(order: ForceOrder): Promise<BreakerStatus>
  /** Resolves when the state of the other replicas is known, or after 300 ms. */
  ready(): Promise<void>
  /** Leaves the other replicas, and ends timers and circuits. Calls under way go on. */
  close(): Promise<void>
}

export interface FallbackBreakerOptions {
  /** Base URLs of the runtime instances. */
  instances: readonly string[]
  thresholds: Thresholds
  /** Tries an instance on the whole path but the model. Rejects, or leaves it to the signal, when it does not work. */
  probe: (instance: string, signal: AbortSignal) => Promise<void>
  /** Default: in this process. */
  store?: FallbackStore
  /** How far back the window goes. Default 300. */
  windowSeconds?: number
  /** How many calls it holds at most. Default 1000. */
  maxSamples?: number
  /** While false nothing is sent by the breaker itself. Default: always true. */
  mayProbe?: () => boolean
  /** The class of what a call rejects with. Default `classifyError`. */
  classify?: (error: unknown) => OutcomeClass
  /** The state has changed, for all or for this replica alone. */
  onTransition?: (transition: Transition) => void
  /** An instance gets calls again, or no more; `why` it was or is out. */
  onInstance?: (instance: string, isUp: boolean, why: VoteReason | '') => void
  /** A probe has ended. */
  onProbe?: (instance: string, succeeded: boolean) => void
  /** opossum has turned a call away. */
  onRejected?: (instance: string) => void
  /** What a callback above has thrown; the breaker goes on. Default: nothing. */
  onError?: (error: unknown) => void
  clock?: Clock
  /** 0..1. Default `Math.random`. */
  random?: () => number
}

/** The answer to whether a chat may use the runtime. */
export type Admission = Pass | Refusal

/** A chat may use the runtime. */
export interface Pass {
  readonly allowed: true
  /** The circuits' generation in which it was given. */
  readonly generation: number
  readonly epoch: number
  /** It holds one of the few permits of a half-open breaker. */
  readonly isTrial: boolean
}

/** A chat may not use the runtime. */
export interface Refusal {
  readonly allowed: false
  readonly rule: 'forced_open' | 'open' | 'half_open' | 'ramp'
  /** Label of metrics. */
  readonly reason: TransitionReason | 'half_open'
}

/** What a running call tells before its end. */
export interface CallProgress {
  /** The runtime has accepted the execution: it answers, and a trial counts as good from now on. */
  accepted(): void
  /** The first token has come. */
  firstToken(): void
}

export interface CallOptions {
  /** Whose call it is: one tenant is never most of the evidence. */
  tenant?: string
}

export interface CallDetails extends CallOptions {
  /** From its begin to its end. */
  latencyMs: number
  /** From its begin to its first token; absent when none came. */
  firstTokenMs?: number
}

/** What an operator orders. */
export interface ForceOrder {
  /** `open`: no chat uses the runtime; `closed`: all may; `auto`: the evidence decides again. */
  mode: 'open' | 'closed' | 'auto'
  /** In the operator's words. */
  reason: string
  /** Who orders it. */
  actor: string
  /** Default 3600. */
  expiresInSeconds?: number
}

/** One change of the state, for log, metric and audit. */
export interface Transition {
  from: BreakerState
  to: BreakerState
  reason: TransitionReason
  /** For log lines, without figures: `错误率过高`. */
  reasonText: string
  /** With figures: `错误率过高: 55.00% (阈值: 50.00%)`. */
  text: string
  evidence: TransitionEvidence
  /** Who ordered it; `automatic` when nobody did, empty when another replica knows. */
  actor: string
  epoch: number
  /** Milliseconds since 1970. */
  at: number
  /** `replica`: only this one has left the runtime, or is back. */
  scope: 'cluster' | 'replica'
  /** This replica made the change: exactly one does, so that it is stored once. */
  decidedHere: boolean
  /** Whether chats fall back here from now on, and whether they did before. */
  fallback: boolean
  wasFallback: boolean
}

/** The figures that justified a change. */
export interface TransitionEvidence extends WindowSummary {
  /** The figure behind the reason and what it exceeded: a rate 0..1, milliseconds, or votes of live replicas. */
  value: number
  threshold: number
  /** Replicas that had left the runtime by themselves, of the live ones. */
  votes: number
  live: number
  /** Finished trials and probes, and how many of them failed. */
  trials: number
  failedTrials: number
  /** Opens in a row. */
  streak: number
}

/** Everything at this moment. Times in milliseconds since 1970. */
export interface BreakerStatus {
  state: BreakerState
  fallback: boolean
  reason: TransitionReason | ''
  /** With figures; empty while chats do not fall back. */
  fallbackReason: string
  /** `replica`: only this one has left the runtime. */
  scope: 'cluster' | 'replica'
  since: number
  epoch: number
  /** Open: when trials begin at the latest. */
  nextProbeAt: number | null
  forced: { mode: 'open' | 'closed'; actor: string; reason: string; expiresAt: number } | null
  /** The share of the sessions, 0..1, that may use the runtime while it comes back; 1 otherwise. */
  rampShare: number
  /** Half open: trials that have ended, those needed to close, permits given to all replicas and unused here. */
  trials: { results: number; failed: number; needed: number; permitsOut: number; permitsHeld: number }
  /** Opens in a row. */
  streak: number
  window: WindowSummary & { seconds: number; maxSamples: number }
  thresholds: Thresholds
  instances: InstanceStatus[]
  store: 'memory' | 'redis'
  /** The shared state is out of reach; this replica decides alone. */
  degraded: boolean
  /** Why the shared state could not be reached the last time; empty when it could. */
  storeProblem: string
  /** Replicas that were heard of lately, this one included. */
  replicas: number
}

/** One runtime instance as this replica sees it. */
export interface InstanceStatus {
  url: string
  /** Whether it gets calls. */
  isUp: boolean
  /** Why it was taken out; empty when it was not. */
  out: VoteReason | ''
  /** Calls of this replica. */
  inFlight: number
  /** In a row, since it last answered. */
  hardErrors: number
  /** In a row. */
  failedHealthChecks: number
  /** When an ejection for hard errors ends; null without one. */
  ejectedUntil: number | null
  circuit: { name: string; isOpen: boolean }
}
