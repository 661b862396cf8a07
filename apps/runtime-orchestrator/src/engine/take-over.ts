import { setTimeout as delay } from 'node:timers/promises'
import type { ExecuteRequest } from '@semibot/chat-protocol'
import type { DurableClaim } from '@semibot/db'
import { ExecutionError } from '../agent/execution-error.ts'
import { TAKEOVER_POLL_MS, TAKEOVER_TIMEOUT_MS } from '../constants/config.ts'
import type { Journal } from './journal.ts'
import type { Lease } from './lease.ts'
import { throughOutages } from './retry.ts'

export interface TakeOverOptions {
  journal: Journal
  lease: Lease
  instance: string
}

/**
 * Takes a run over as soon as its owner has given it up or is dead.
 * @throws ExecutionError RUNTIME_UNAVAILABLE when its owner lives on, or the database stays away
 */
export async function takeOver(
  { journal, lease, instance }: TakeOverOptions,
  { orgId, executionId }: ExecuteRequest,
  signal: AbortSignal
): Promise<Exclude<DurableClaim, { kind: 'held' }>> {
  const deadline = performance.now() + TAKEOVER_TIMEOUT_MS
  const leave = lease.use()
  try {
    while (performance.now() < deadline) {
      const limitMs = deadline - performance.now()
      const attempt = () => journal.claim({ orgId, executionId, owner: instance })
      const claim = await throughOutages(attempt, { isOutage: journal.isOutage, signal, limitMs })
      if (claim.kind !== 'held') return claim
      await delay(TAKEOVER_POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  } catch (error) {
    if (!journal.isOutage(error)) throw error
    throw unavailable('The journal of runs cannot be read.', error)
  } finally {
    leave()
  }
  throw unavailable('The run is still with another runtime process.')
}

function unavailable(message: string, cause?: unknown): ExecutionError {
  return new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', message, { cause })
}
