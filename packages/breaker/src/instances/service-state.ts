import type { VoteReason } from '../state/reducer.ts'
import type { OutcomeClass } from '../types.ts'

/** Whether one runtime instance gets calls, and why not. Times in milliseconds of a clock that never goes back. */
export interface ServiceState {
  /** Empty: it gets calls. */
  out: VoteReason | ''
  /** Hard errors since it last answered anything. */
  hardErrors: number
  /** Ejections in a row, without a calm time between them. */
  ejections: number
  ejectedUntil: number
  inSince: number
  /** It has just come back: the first hard error ejects it again. */
  onProbation: boolean
  /** Failed health checks in a row. */
  badHealth: number
  /** It worked although its health said otherwise; bad health means nothing until it was good once. */
  healthMuted: boolean
  /** It was ejected for hard errors, and its health has not been asked since. */
  suspect: boolean
  /** When it last answered a call. */
  provenAt: number
}

export interface ServiceRules {
  /** Hard errors in a row that eject one of several instances. */
  ejectAfter: number
  /** Hard errors in a row that eject the last one, and with it open the breaker. */
  ejectLastAfter: number
  /** Failed health checks in a row that eject. */
  badHealthLimit: number
  /** The nth ejection in a row lasts n times this, up to `ejectionMaxMs`. */
  ejectionMs: number
  ejectionMaxMs: number
  /** So long in service, and earlier ejections are forgotten. */
  calmMs: number
  /** An answer this recent outweighs a failed health check. */
  provenMs: number
}

/** Sources: Envoy's outlier detection (consecutive local-origin failures, ejection time times count). */
export const SERVICE_RULES: ServiceRules = {
  ejectAfter: 3,
  ejectLastAfter: 5,
  badHealthLimit: 3,
  ejectionMs: 5000,
  ejectionMaxMs: 60_000,
  calmMs: 300_000,
  provenMs: 2000
}

/** An instance of which nothing is known: it gets calls. */
export function newService(now: number): ServiceState {
  return {
    out: '',
    hardErrors: 0,
    ejections: 0,
    ejectedUntil: 0,
    inSince: now,
    onProbation: false,
    badHealth: 0,
    healthMuted: false,
    suspect: false,
    provenAt: Number.NEGATIVE_INFINITY
  }
}

/** After a call has ended, or (`ok`) was accepted. `isLast`: no other instance gets calls. */
export function afterCall(
  state: ServiceState,
  outcome: OutcomeClass,
  isLast: boolean,
  now: number,
  rules = SERVICE_RULES
): ServiceState {
  switch (outcome) {
    case 'ok':
      return { ...state, hardErrors: 0, onProbation: false, provenAt: now }
    case 'soft_error':
      // It failed, but it answered: not the fault that ejection is for.
      return { ...state, hardErrors: 0, provenAt: now }
    case 'hard_error': {
      const hardErrors = state.hardErrors + 1
      const limit = state.onProbation ? 1 : isLast ? rules.ejectLastAfter : rules.ejectAfter
      if (state.out !== '' || hardErrors < limit) return { ...state, hardErrors }
      const ejections = now - state.inSince >= rules.calmMs ? 1 : state.ejections + 1
      const ejectedUntil = now + Math.min(rules.ejectionMaxMs, rules.ejectionMs * ejections)
      return { ...state, out: 'unavailable', hardErrors, ejections, ejectedUntil, suspect: true }
    }
    default:
      return state
  }
}

/** After a health check. `recovered`: it is good again after it had been bad, or after hard errors. */
export function afterHealthCheck(
  state: ServiceState,
  isGood: boolean,
  now: number,
  rules = SERVICE_RULES
): { state: ServiceState; recovered: boolean } {
  if (isGood) {
    const wasBad = state.badHealth > 0
    const good = { ...state, badHealth: 0, healthMuted: false, suspect: false }
    const back = state.out !== '' && wasBad
    return { state: back ? returned(good, now) : good, recovered: wasBad || state.suspect }
  }
  const answersCalls = state.healthMuted || now - state.provenAt <= rules.provenMs
  const badHealth = answersCalls ? 1 : state.badHealth + 1
  const out = state.out === '' && badHealth >= rules.badHealthLimit ? 'health' : state.out
  return { state: { ...state, badHealth, out }, recovered: false }
}

/** An ejection that has ended unnoticed, while nothing was called, begins again. */
export function stayOut(state: ServiceState, now: number, rules = SERVICE_RULES): ServiceState {
  if (state.out === '') return state
  return { ...state, ejectedUntil: Math.max(state.ejectedUntil, now + rules.ejectionMs) }
}

/** As time goes by: an ejection for hard errors ends by itself, unless the health is known to be bad. */
export function afterTime(state: ServiceState, now: number, rules = SERVICE_RULES): ServiceState {
  if (state.out !== 'unavailable' || now < state.ejectedUntil || state.badHealth >= rules.badHealthLimit) return state
  return returned(state, now)
}

/**
 * When the breaker has closed. `proven`: trials on this instance have just succeeded, whatever its health
 * says. `orderedBack`: an operator wants every instance used.
 */
export function afterClose(
  state: ServiceState,
  proven: boolean,
  orderedBack: boolean,
  now: number,
  rules = SERVICE_RULES
): ServiceState {
  const { badHealth, ejections } = state
  if (!proven && !orderedBack && badHealth >= rules.badHealthLimit) return { ...state, out: 'health', hardErrors: 0 }
  return {
    ...newService(now),
    ejections: orderedBack ? 0 : ejections,
    badHealth: Math.min(badHealth, 1),
    healthMuted: badHealth > 0
  }
}

function returned(state: ServiceState, now: number): ServiceState {
  return { ...state, out: '', hardErrors: 0, inSince: now, onProbation: true }
}
