import { setTimeout as delay } from 'node:timers/promises'
import type { DurableClaim } from '@semibot/db'
import { ExecutionError } from '../agent/execution-error.ts'
import { TAKEOVER_POLL_MS, TAKEOVER_TIMEOUT_MS } from '../constants/config.ts'
import type { Lease } from './lease.ts'
import { throughOutages } from './retry.ts'

export interface TakeOverOptions {
  claim: () => Promise<DurableClaim>
  /** Whether the database is away, so that the same claim may succeed later. */
  isOutage: (error: unknown) => boolean
  lease: Lease
}

/**
 * Takes a run over as soon as its owner has given it up or is dead.
 * @throws ExecutionError RUNTIME_UNAVAILABLE when its owner lives on, or the database stays away
 */
export async function takeOver(
  { claim: attempt, isOutage, lease }: TakeOverOptions,
  signal: AbortSignal
): Promise<Exclude<DurableClaim, { kind: 'held' }>> {
  const deadline = performance.now() + TAKEOVER_TIMEOUT_MS
  const leave = lease.use()
  try {
    while (performance.now() < deadline) {
      const limitMs = deadline - performance.now()
      const claim = await throughOutages(attempt, { isOutage, signal, limitMs })
      if (claim.kind !== 'held') return claim
      await delay(TAKEOVER_POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  } catch (error) {
    if (!isOutage(error)) throw error
    throw unavailable('The journal of runs cannot be read.', error)
  } finally {
    leave()
  }
  throw unavailable('The run is still with another runtime process.')
}

function unavailable(message: string, cause?: unknown): ExecutionError {
  return new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', message, { cause })
}
