import type { InstanceSet, RuntimeInstance } from './instance-set.ts'
import { hashText, weightOf } from './rendezvous.ts'

/** So many sessions keep their instance in mind; others are placed anew, on the same candidates. */
const MAX_SESSIONS = 10_000

/** Chooses the instance for a call. */
export interface InstancePicker {
  /** For an ordinary call: the session's instance while it is in service, else the less busy of its two candidates. */
  pick(sessionId: string, exclude?: string): string | null
  /** For a trial: the same among those that are likely to work. */
  pickForTrial(sessionId: string, exclude?: string): string | null
  /** For a probe: those that are likely to work, in turn. */
  pickForProbe(): RuntimeInstance | null
}

/**
 * A session's candidates are the two instances of the highest rendezvous weight, so that replicas agree on
 * them without talking; the less busy one is chosen (power of two choices) and kept while it is in service.
 */
export function createInstancePicker(instances: InstanceSet): InstancePicker {
  const places = new Map<string, string>()
  let turn = 0

  function place(sessionId: string, isUsable: (instance: RuntimeInstance) => boolean): string | null {
    const key = hashText(sessionId)
    let first: RuntimeInstance | null = null
    let second: RuntimeInstance | null = null
    for (const instance of instances.list) {
      if (!isUsable(instance)) continue
      const weight = weightOf(key, instance.hash)
      if (first === null || weight > weightOf(key, first.hash)) {
        second = first
        first = instance
      } else if (second === null || weight > weightOf(key, second.hash)) {
        second = instance
      }
    }
    if (first === null) return null
    return second !== null && second.inFlight < first.inFlight ? second.url : first.url
  }

  function keep(sessionId: string, url: string): void {
    places.delete(sessionId)
    places.set(sessionId, url)
    if (places.size > MAX_SESSIONS) places.delete(places.keys().next().value as string)
  }

  function choose(sessionId: string, isUsable: (instance: RuntimeInstance) => boolean): string | null {
    if (instances.size === 1) {
      const [only] = instances.list
      return only !== undefined && isUsable(only) ? only.url : null
    }
    const kept = instances.get(places.get(sessionId) ?? '')
    const url = kept !== undefined && isUsable(kept) ? kept.url : place(sessionId, isUsable)
    if (url !== null) keep(sessionId, url)
    return url
  }

  /** The instances of the best standing: proven in this half-open time or unknown, before failed, before unhealthy. */
  function likely(): RuntimeInstance[] {
    const { list } = instances
    const standing = ({ service, trialFailed }: RuntimeInstance) =>
      (service.badHealth > 0 ? 2 : 0) + (trialFailed ? 1 : 0)
    const best = Math.min(...list.map(standing))
    return list.filter((instance) => standing(instance) === best)
  }

  return {
    pick: (sessionId, exclude) =>
      choose(sessionId, (instance) => instance.url !== exclude && instances.isInService(instance)),
    pickForTrial(sessionId, exclude) {
      const candidates = new Set(likely())
      return choose(sessionId, (instance) => instance.url !== exclude && candidates.has(instance))
    },
    pickForProbe() {
      const candidates = likely()
      return candidates[turn++ % candidates.length] ?? null
    }
  }
}
