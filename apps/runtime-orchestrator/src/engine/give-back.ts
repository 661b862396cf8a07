import type { DurableRunRef } from '@semibot/db'
import { JOURNAL_GIVE_UP_MS } from '../constants/config.ts'
import type { Journal } from './journal.ts'
import type { RetryOptions } from './retry.ts'
import type { Outcome } from './run-execution.ts'
import type { StoredOutcome } from './stored-outcome.ts'
import { writeEnd } from './write-end.ts'

/**
 * Ends a run, or gives it up for others, of which this process does not know whether it is its own: a begin or a claim
 * had no answer. While the process lives nobody else could go on with what came of it, so it is tried until `limits`,
 * but only for a moment is it waited for. Never rejects.
 */
export async function giveBack(
  journal: Journal,
  asked: Promise<DurableRunRef | undefined>,
  outcome: Outcome,
  stored: StoredOutcome,
  { signal, limitMs }: Pick<RetryOptions, 'signal'> & { limitMs: number }
): Promise<void> {
  const end = isForOthers(outcome) ? { status: 'interrupted' as const } : outcome
  const limits = { signal, limitMs: Math.max(limitMs, JOURNAL_GIVE_UP_MS) }
  const given = asked.then((run) => run && writeEnd(journal, run, end, stored, limits)).catch(() => undefined)
  await Promise.race([given, new Promise((resolve) => setTimeout(resolve, JOURNAL_GIVE_UP_MS).unref())])
}

/** Everybody left, or the run could not be taken over: whoever asks for it next goes on with it. */
function isForOthers(outcome: Outcome): boolean {
  if (outcome.status === 'failed') return outcome.error.code === 'RUNTIME_UNAVAILABLE'
  return outcome.status === 'cancelled' && outcome.reason === 'disconnect'
}
