import type { DurableRunRef } from '@semibot/db'
import { JOURNAL_END_MS, JOURNAL_GIVE_UP_MS } from '../constants/config.ts'
import type { Journal } from './journal.ts'
import { type RetryOptions, throughOutages } from './retry.ts'
import type { Outcome } from './run-execution.ts'
import type { StoredOutcome } from './stored-outcome.ts'

/**
 * Ends a run in the journal, or gives it up for another process when it was interrupted. `limits` say how long it is
 * tried while the database is away.
 * @returns false when it was not this process's to end
 */
export async function writeEnd(
  journal: Journal,
  run: DurableRunRef,
  { status }: Pick<Outcome, 'status'>,
  stored: StoredOutcome,
  limits: Partial<Pick<RetryOptions, 'signal' | 'limitMs'>> = {}
): Promise<boolean> {
  const options = {
    isOutage: journal.isOutage,
    // The run's own signal has fired when it was stopped.
    signal: new AbortController().signal,
    limitMs: status === 'completed' ? JOURNAL_END_MS : JOURNAL_GIVE_UP_MS,
    ...limits
  }
  if (status !== 'interrupted') return await throughOutages(() => journal.end(run, status, stored), options)
  await throughOutages(() => journal.release(run), options)
  return true
}
