import type { DurableClaim, DurableRunRef, DurableStatus, NewDurableRun, RecordedStep } from '@semibot/db'

/**
 * Where durable runs are written down, shared by all runtime processes. Every call may reject while the database is
 * away (see `isOutage`) and can then be repeated: it has the same effect once. What each answers is said in @semibot/db.
 */
export interface Journal {
  renewLease(instance: string): Promise<void>
  endLease(instance: string): Promise<void>
  begin(run: NewDurableRun): Promise<boolean>
  claim(run: Omit<DurableRunRef, 'epoch'>, onTaking?: (epoch: number) => void): Promise<DurableClaim>
  owns(run: DurableRunRef): Promise<boolean>
  beginStep(
    run: DurableRunRef,
    step: Pick<RecordedStep, 'name' | 'effect'>
  ): Promise<{ begunBefore: boolean } | undefined>
  recordStep(run: DurableRunRef, step: RecordedStep): Promise<boolean>
  end(run: DurableRunRef, status: Exclude<DurableStatus, 'running'>, outcome: unknown): Promise<boolean>
  release(run: DurableRunRef): Promise<void>
  /** Whether the database is away, so that the same call may succeed later. */
  isOutage(error: unknown): boolean
  /** Whether the call that rejected may have had its effect all the same. */
  mayHaveActed(error: unknown): boolean
}
