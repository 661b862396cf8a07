import { type Database, findDurableOutcome } from '@semibot/db'
import type { Kysely } from 'kysely'
import type { EventMirror } from './event-mirror.ts'
import type { RunningExecution, RunningExecutions } from './running-executions.ts'

export interface HandoverOptions {
  running: RunningExecutions
  db: Kysely<Database>
  /** Where the other replicas read events; null: they cannot. */
  mirror: EventMirror | null
  /** A runtime that was silent for so long has lost its runs. */
  leaseMs: number
  /** Leaves an execution that this process has adopted itself; does nothing when it has not. */
  leaveAdopted: (executionId: string) => Promise<void>
}

/**
 * What becomes of the running executions when this process ends. Those that the runtimes have in their journal, and
 * whose events are where every replica can read them, are left: another one adopts them (see adopt-orphans.ts) and
 * stores their end; the client, cut off, asks it for the rest. All others are ended.
 */
export class Handover {
  readonly #options: HandoverOptions

  constructor(options: HandoverOptions) {
    this.#options = options
  }

  /** Ends or leaves one execution; does nothing when there is none of this id. Never rejects. */
  async end(executionId: string): Promise<void> {
    const execution = this.#options.running.get(executionId)
    if (execution?.events !== undefined) await this.#endOrLeave(execution)
    else await this.#options.leaveAdopted(executionId)
  }

  /** Ends or leaves everything that still runs and waits until all results are stored. Never rejects. */
  async endAll(): Promise<void> {
    await Promise.all(this.#options.running.all().map((execution) => this.#endOrLeave(execution)))
  }

  async #endOrLeave(execution: RunningExecution): Promise<void> {
    if (await this.#livesOn(execution)) {
      await this.#leave(execution)
      return
    }
    execution.cancel('shutdown')
    await execution.done
  }

  async #livesOn({ events }: RunningExecution): Promise<boolean> {
    const { db, mirror, leaseMs } = this.#options
    const { executionId, orgId, started, fellBack } = events
    if (started?.mode !== 'runtime_orchestrator' || fellBack || !mirror?.has(executionId)) return false
    const run = await findDurableOutcome(db, orgId, executionId, leaseMs).catch(() => undefined)
    if (run?.status !== 'running' || run.isOverdue) return false
    // Asked last, for the events go on: what is not there by now can be sent to nobody once this process is gone.
    return mirror.complete(executionId)
  }

  /** What the client has seen is in the store before it is cut off. */
  async #leave(execution: RunningExecution): Promise<void> {
    execution.leave()
    await execution.done
    if (execution.events.ended) return
    await this.#options.mirror?.complete(execution.events.executionId)
    execution.events.fail()
  }
}
