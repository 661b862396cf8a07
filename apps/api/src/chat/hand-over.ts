import { type Database, findDurableOutcome } from '@semibot/db'
import type { Kysely } from 'kysely'
import type { EventMirror } from './event-mirror.ts'
import type { RunningExecution } from './running-executions.ts'

export interface HandoverOptions {
  db: Kysely<Database>
  /** Where the other replicas read events; null: they cannot. */
  mirror: EventMirror | null
  /** A runtime that was silent for so long has lost its runs. */
  leaseMs: number
}

/**
 * Leaves executions to the other replicas when this process ends: those that the runtimes have in their journal, and
 * whose events are where everybody can read them. A replica adopts them (see adopt-orphans.ts) and stores their
 * end; the client, cut off, asks it for the rest.
 */
export class Handover {
  readonly #options: HandoverOptions

  constructor(options: HandoverOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async canLeave({ events }: RunningExecution): Promise<boolean> {
    const { db, mirror, leaseMs } = this.#options
    const { executionId, orgId, started, fellBack } = events
    if (started?.mode !== 'runtime_orchestrator' || fellBack || !mirror?.has(executionId)) return false
    const run = await findDurableOutcome(db, orgId, executionId, leaseMs).catch(() => undefined)
    return run?.status === 'running' && !run.isOverdue
  }

  /** What the client has seen is in the store before it is cut off. Never rejects. */
  async leave(execution: RunningExecution): Promise<void> {
    execution.leave()
    await execution.done
    if (execution.events.ended) return
    await this.#options.mirror?.catchUp()
    execution.events.fail()
  }
}
