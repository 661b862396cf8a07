import type { Clock } from './clock.ts'
import type { RuntimeInstance } from './instances/instance-set.ts'

/** Shorter than a lease together with the time that a permit may wait, so that probes of two leases never overlap. */
const PROBE_TIMEOUT_MS = 1000

export interface ProberOptions {
  clock: Clock
  /** Tries an instance on the whole path but the model; rejects when it does not work. */
  probe: (instance: string, signal: AbortSignal) => Promise<void>
  next: () => RuntimeInstance | null
  onResult: (instance: RuntimeInstance, succeeded: boolean) => void
}

/** Runs one synthetic probe, through the circuit of the instance, and tells its result. Never rejects. */
export function createProber({ clock, probe, next, onResult }: ProberOptions): () => Promise<void> {
  return async () => {
    const instance = next()
    if (instance === null) return
    const abort = new AbortController()
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = clock.setTimeout(() => {
      const error = new Error(`no result within ${PROBE_TIMEOUT_MS} ms`)
      abort.abort(error)
      reject(error)
    }, PROBE_TIMEOUT_MS)
    try {
      await instance.trial.fire(() => Promise.race([probe(instance.url, abort.signal), late]))
      onResult(instance, true)
    } catch {
      onResult(instance, false)
    } finally {
      clock.clearTimeout(timer)
    }
  }
}
