import type { DurableClaim, DurableRunRef, NewDurableRun } from '@semibot/db'
import type { Journal } from './journal.ts'

/**
 * Makes a run this process's own. A call is not taken back when the run is stopped, and its answer may be lost: what it
 * has come to is kept, so that no run stays with a process that does not run it.
 */
export class Ownership {
  readonly #journal: Journal
  #asked: Promise<DurableRunRef | undefined> | undefined

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /**
   * Resolves when the last call is answered, with the run if it is, or may be, this process's; never rejects. Undefined
   * while nothing was asked for.
   */
  get asked(): Promise<DurableRunRef | undefined> | undefined {
    return this.#asked
  }

  begin(run: NewDurableRun): Promise<boolean> {
    const { orgId, executionId, owner } = run
    const ref = { orgId, executionId, owner, epoch: 1 }
    const before = this.#asked
    const begun = this.#journal.begin(run)
    this.#asked = begun.then(
      (owned) => (owned ? ref : undefined),
      // One that did not get there says nothing about the tries before it.
      (error) => (this.#journal.mayHaveActed(error) ? ref : before)
    )
    return begun
  }

  claim(run: Omit<DurableRunRef, 'epoch'>): Promise<DurableClaim> {
    const before = this.#asked
    let epoch: number | undefined
    const claimed = this.#journal.claim(run, (taking) => {
      epoch = taking
    })
    this.#asked = claimed.then(
      (claim) => {
        if (claim.kind === 'taken') return { ...run, epoch: claim.epoch }
        // By this process itself, maybe: an earlier try was not answered.
        return claim.kind === 'held' ? before : undefined
      },
      (error) => (epoch !== undefined && this.#journal.mayHaveActed(error) ? { ...run, epoch } : before)
    )
    return claimed
  }
}
