import { setTimeout as wait } from 'node:timers/promises'
import { sqlStateOf } from '../classify-error.ts'
import { DatabaseTimeoutError, DatabaseUnavailableError } from '../errors.ts'
import type { WaitingCall } from './batch-lanes.ts'

export interface BatchRunOptions<Item, Result> {
  /**
   * One statement, one transaction; results in the order of the items. `repeated`: the same items may have been
   * committed by a statement whose answer was lost.
   */
  statement(items: Item[], repeated: boolean): Promise<Result[]>
  /** Told of items whose callers get an error although they may be committed. */
  onCommitUnknown?: (items: Item[]) => void
}

type Calls<Item, Result> = WaitingCall<Item, Result>[]

// After so many single items in a row ran into a time limit the table is locked, not the item.
const MAX_TIMEOUTS = 2

/** Runs a batch, repeats it where that is safe and useful, and settles every call. Never rejects. */
export async function runBatch<Item, Result>(
  calls: Calls<Item, Result>,
  options: BatchRunOptions<Item, Result>
): Promise<void> {
  const error = await attempt(calls, options)
  if (error === undefined) return
  if (calls.length > 1 && mayBeOneItem(error)) {
    await runOneByOne(calls, options)
    return
  }
  rejectAll(calls, error, options)
}

async function runOneByOne<Item, Result>(
  calls: Calls<Item, Result>,
  options: BatchRunOptions<Item, Result>
): Promise<void> {
  let timeouts = 0
  for (const [index, call] of calls.entries()) {
    const error = await attempt([call], options)
    if (error === undefined) {
      timeouts = 0
      continue
    }
    timeouts = error instanceof DatabaseTimeoutError ? timeouts + 1 : 0
    if (timeouts === MAX_TIMEOUTS || error instanceof DatabaseUnavailableError) {
      rejectAll(calls.slice(index, index + 1), error, options)
      // These were rolled back with the whole batch before and not tried since.
      for (const untried of calls.slice(index + 1)) untried.reject(error)
      return
    }
    rejectAll([call], error, options)
  }
}

/** Resolves the calls, or gives the error back. Deadlocks, serialization failures and lost answers are tried again once. */
async function attempt<Item, Result>(calls: Calls<Item, Result>, options: BatchRunOptions<Item, Result>) {
  const items = calls.map((call) => call.item)
  let repeated = false
  for (let tries = 1; ; tries++) {
    try {
      const results = await options.statement(items, repeated)
      for (const [index, call] of calls.entries()) call.resolve(results[index] as Result)
      return undefined
    } catch (error) {
      repeated ||= isCommitUnknown(error)
      if (tries > 1 || !(isCommitUnknown(error) || isConflict(error))) return asCommitUnknown(error, repeated)
      await wait(5 + Math.random() * 45)
    }
  }
}

function rejectAll<Item, Result>(calls: Calls<Item, Result>, error: unknown, options: BatchRunOptions<Item, Result>) {
  if (isCommitUnknown(error)) options.onCommitUnknown?.(calls.map((call) => call.item))
  for (const call of calls) call.reject(error)
}

/** The second try may have failed before it was sent; the first one's commit stays unknown. */
function asCommitUnknown(error: unknown, commitUnknown: boolean): unknown {
  if (!commitUnknown || !(error instanceof DatabaseUnavailableError) || error.commitUnknown) return error
  const { message, cause, sqlState } = error
  return new DatabaseUnavailableError(message, {
    cause,
    commitUnknown,
    ...(sqlState === undefined ? {} : { sqlState })
  })
}

function isCommitUnknown(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError && error.commitUnknown
}

/** Serialization failure and deadlock: the server rolled back and asks to try again. */
function isConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error) ?? '')
}

/** Bad data, a violated constraint, or a lock that one item waited for in vain. */
function mayBeOneItem(error: unknown): boolean {
  const state = sqlStateOf(error)
  if (state !== undefined) return ['22', '23', '54', 'P0'].includes(state.slice(0, 2)) || isConflict(error)
  return error instanceof DatabaseTimeoutError && sqlStateOf(error.cause) === '55P03'
}
