import type { DurableRunRef } from '@semibot/db'
import { JOURNAL_END_MS, JOURNAL_GIVE_UP_MS } from '../constants/config.ts'
import type { Journal } from './journal.ts'
import { throughOutages } from './retry.ts'
import type { Outcome } from './run-execution.ts'
import type { StoredOutcome } from './stored-outcome.ts'

/**
 * Ends a run in the journal, or gives it up for another process when it was interrupted.
 * @returns false when it was not this process's to end
 */
export async function writeEnd(
  journal: Journal,
  run: DurableRunRef,
  { status }: Pick<Outcome, 'status'>,
  stored: StoredOutcome
): Promise<boolean> {
  const limitMs = status === 'completed' ? JOURNAL_END_MS : JOURNAL_GIVE_UP_MS
  // The run's own signal has fired when it was stopped.
  const limits = { isOutage: journal.isOutage, signal: new AbortController().signal, limitMs }
  if (status !== 'interrupted') return await throughOutages(() => journal.end(run, status, stored), limits)
  await throughOutages(() => journal.release(run), limits)
  return true
}
