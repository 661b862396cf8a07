import { adoptOrphans } from '@semibot/db'
import { LOG } from '../constants/log-messages.ts'
import { AdoptedRun, type AdoptedRunOptions } from './adopted-run.ts'
import type { ChatServices } from './chat-services.ts'

export interface OrphanageOptions extends AdoptedRunOptions {
  services: AdoptedRunOptions['services'] & Pick<ChatServices, 'instanceId' | 'running'>
  /** An api process that was silent for so long is dead, milliseconds. */
  staleMs: number
}

/**
 * Executions whose api process died while a runtime was at work for them: the run goes on there, or another runtime
 * goes on with it, and its answer is stored as if nothing had been. Whoever asks for the execution then gets it.
 */
export class Orphanage {
  readonly #options: OrphanageOptions
  readonly #adopted = new Map<string, AdoptedRun>()

  constructor(options: OrphanageOptions) {
    this.#options = options
  }

  /** Looks for executions to adopt; to be called again and again. */
  async look(): Promise<void> {
    const { db, services, staleMs, log } = this.#options
    for (const orphan of await adoptOrphans(db, { owner: services.instanceId, staleMs })) {
      const { executionId } = orphan
      // This process was paused and taken for dead by one that has died since: it is at work for it all the time.
      if (this.#adopted.has(executionId) || services.running.get(executionId) !== undefined) continue
      log.info(orphan, LOG.executionAdopted)
      const run = new AdoptedRun(this.#options, orphan)
      this.#adopted.set(executionId, run)
      void run.done.then(() => this.#adopted.delete(executionId))
    }
  }

  /** Ends an adopted execution; does nothing when there is none of this id. */
  async cancel(executionId: string): Promise<void> {
    await this.#adopted.get(executionId)?.cancel()
  }

  /** Leaves one that has not ended to another process; does nothing when there is none of this id. */
  async leave(executionId: string): Promise<void> {
    await this.#adopted.get(executionId)?.leave()
  }

  /** Leaves what has not ended to another process. */
  async close(): Promise<void> {
    await Promise.all([...this.#adopted.values()].map((run) => run.leave()))
  }
}
