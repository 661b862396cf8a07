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

interface Failure {
  error: unknown
  maybeCommitted: boolean
}

// After so many single items in a row ran into a time limit the table is locked, not the item.
const MAX_TIMEOUTS = 2

/** Runs a batch, repeats it where that is safe and useful, and settles every call. Never rejects. */
export async function runBatch<Item, Result>(
  calls: Calls<Item, Result>,
  options: BatchRunOptions<Item, Result>
): Promise<void> {
  const failure = await attempt(calls, options, false)
  if (failure === undefined) return
  if (calls.length > 1 && mayBeOneItem(failure.error)) {
    await runOneByOne(calls, options, failure.maybeCommitted)
    return
  }
  rejectAll(calls, failure, options)
}

async function runOneByOne<Item, Result>(
  calls: Calls<Item, Result>,
  options: BatchRunOptions<Item, Result>,
  maybeCommitted: boolean
): Promise<void> {
  let timeouts = 0
  for (const [index, call] of calls.entries()) {
    const failure = await attempt([call], options, maybeCommitted)
    if (failure === undefined) {
      timeouts = 0
      continue
    }
    rejectAll([call], failure, options)
    timeouts = failure.error instanceof DatabaseTimeoutError ? timeouts + 1 : 0
    if (timeouts === MAX_TIMEOUTS || failure.error instanceof DatabaseUnavailableError) {
      rejectAll(calls.slice(index + 1), { error: failure.error, maybeCommitted }, options)
      return
    }
  }
}

/**
 * Resolves the calls, or says why not. Deadlocks, serialization failures and lost answers are tried again once.
 * `maybeCommitted`: a statement before may have stored the items although its answer was lost.
 */
async function attempt<Item, Result>(
  calls: Calls<Item, Result>,
  options: BatchRunOptions<Item, Result>,
  maybeCommitted: boolean
): Promise<Failure | undefined> {
  const items = calls.map((call) => call.item)
  let repeated = maybeCommitted
  for (let tries = 1; ; tries++) {
    try {
      const results = await options.statement(items, repeated)
      for (const [index, call] of calls.entries()) call.resolve(results[index] as Result)
      return undefined
    } catch (error) {
      repeated ||= isCommitUnknown(error)
      if (tries > 1 || !(isCommitUnknown(error) || isConflict(error))) {
        return { error: repeated ? asCommitUnknown(error) : error, maybeCommitted: repeated }
      }
      await wait(5 + Math.random() * 45)
    }
  }
}

function rejectAll<Item, Result>(
  calls: Calls<Item, Result>,
  { error, maybeCommitted }: Failure,
  options: BatchRunOptions<Item, Result>
): void {
  if (maybeCommitted) options.onCommitUnknown?.(calls.map((call) => call.item))
  for (const call of calls) call.reject(error)
}

/** The last try may have failed before it was sent; the commit of an earlier one stays unknown. */
function asCommitUnknown(error: unknown): unknown {
  if (!(error instanceof DatabaseUnavailableError) || error.commitUnknown) return error
  const { message, cause, sqlState } = error
  return new DatabaseUnavailableError(message, {
    cause,
    commitUnknown: true,
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

/** Bad data, two items for one row, a violated constraint, or a lock that one item waited for in vain. */
function mayBeOneItem(error: unknown): boolean {
  const state = sqlStateOf(error)
  if (state !== undefined) return ['21', '22', '23', '54', 'P0'].includes(state.slice(0, 2)) || isConflict(error)
  return error instanceof DatabaseTimeoutError && sqlStateOf(error.cause) === '55P03'
}
