import { setTimeout as delay } from 'node:timers/promises'
import { executeRequestSchema, type FinishReason, type Usage } from '@semibot/chat-protocol'
import {
  type AdoptedExecution,
  adoptOrphans,
  cancelDurableRun,
  type Database,
  type DurableOutcome,
  failUnownedRun,
  findDurableOutcome,
  findDurableRequest,
  findExecution
} from '@semibot/db'
import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { ChatExecution } from '../adapters/chat-executor.ts'
import { LOG } from '../constants/log-messages.ts'
import type { ChatServices } from './chat-services.ts'
import { storeResult } from './store-result.ts'

export interface OrphanageOptions {
  db: Kysely<Database>
  services: Pick<ChatServices, 'instanceId' | 'turns' | 'executionTimeoutMs'>
  log: FastifyBaseLogger
  /** An owner that was silent for so long is dead: of executions, and of runs in the journal. */
  staleMs: number
  leaseMs: number
  /** A run that no runtime has had for so long is ended. */
  unownedMs: number
  /**
   * Has some runtime instance go on with a run, for at most `remainingMs`; resolves when that has ended, or at once when
   * none may be called. Rejects when it failed.
   */
  resume: (execution: ChatExecution, options: { signal: AbortSignal; remainingMs: number }) => Promise<unknown>
}

/** What a runtime leaves in the journal of a run that has ended. */
interface StoredOutcome {
  content?: string
  finishReason?: FinishReason
  usage?: Usage
  error?: { code: string; message: string }
}

/** A run that its owner has lost, and since when it is known that nobody has taken it. */
interface Unowned {
  epoch: number
  since: number
}

const POLL_MS = 1000

/** What is left in the journal, and told, of a run that no runtime goes on with. */
const UNOWNED: StoredOutcome & { error: { origin: 'runtime' } } = {
  error: {
    code: 'RUNTIME_UNAVAILABLE',
    message: 'No runtime could go on with the answer. Please send the message again.',
    origin: 'runtime'
  }
}

/**
 * Executions whose api process died while a runtime was at work for them: the run goes on there, or another runtime
 * goes on with it, and its answer is stored as if nothing had been. Whoever asks for the execution then gets it.
 */
export class Orphanage {
  readonly #options: OrphanageOptions
  readonly #closing = new AbortController()
  readonly #adopted = new Map<string, { orphan: AdoptedExecution; care: Promise<void> }>()
  /** Those that somebody cancelled since they were adopted. */
  readonly #cancelled = new Set<string>()

  constructor(options: OrphanageOptions) {
    this.#options = options
  }

  /** Looks for executions to adopt; to be called again and again. */
  async look(): Promise<void> {
    const { db, services, staleMs, log } = this.#options
    for (const orphan of await adoptOrphans(db, { owner: services.instanceId, staleMs })) {
      log.info(orphan, LOG.executionAdopted)
      const care = this.#careFor(orphan).catch((error: unknown) => {
        if (!this.#closing.signal.aborted) log.warn({ ...orphan, err: error }, LOG.executionNotAdopted)
      })
      const { executionId } = orphan
      this.#adopted.set(executionId, { orphan, care })
      void care.then(() => {
        this.#adopted.delete(executionId)
        this.#cancelled.delete(executionId)
      })
    }
  }

  /** Ends an adopted execution; does nothing when there is none of this id. */
  async cancel(executionId: string): Promise<void> {
    const adopted = this.#adopted.get(executionId)
    if (adopted === undefined) return
    this.#cancelled.add(executionId)
    await cancelDurableRun(this.#options.db, adopted.orphan.orgId, executionId)
  }

  /** Leaves what has not ended to another process. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the server is shutting down'))
    await Promise.all([...this.#adopted.values()].map(({ care }) => care))
  }

  async #careFor(orphan: AdoptedExecution): Promise<void> {
    const { db, leaseMs } = this.#options
    const { signal } = this.#closing
    let unowned: Unowned | undefined
    for (;;) {
      const run = await findDurableOutcome(db, orphan.orgId, orphan.executionId, leaseMs).catch(
        () => 'unknown' as const
      )
      if (run === undefined || (run !== 'unknown' && run.status !== 'running'))
        return await this.#store(orphan, run?.status, run?.outcome as StoredOutcome | null | undefined)
      // While the database is away nobody knows who has the run, and whoever has it cannot say so.
      if (run === 'unknown' || run.isOwned) unowned = undefined
      else if (run.epoch !== unowned?.epoch) unowned = { epoch: run.epoch, since: performance.now() }
      if (run !== 'unknown') await this.#lookAfter(orphan, run, unowned)
      await delay(POLL_MS, undefined, { signal })
    }
  }

  /** Whatever it comes to, and when the database does not answer: the end of the run is found in the journal. */
  async #lookAfter(orphan: AdoptedExecution, run: DurableOutcome, unowned: Unowned | undefined): Promise<void> {
    const { db, unownedMs } = this.#options
    try {
      if (run.isOverdue) await cancelDurableRun(db, orphan.orgId, orphan.executionId)
      else if (unowned === undefined) return
      else if (performance.now() - unowned.since < unownedMs) await this.#resume(orphan, run.remainingMs)
      else await this.#giveUp(orphan, unowned)
    } catch {
      // Tried again.
    }
  }

  async #resume({ executionId }: AdoptedExecution, remainingMs: number): Promise<void> {
    const request = executeRequestSchema.safeParse(await findDurableRequest(this.#options.db, executionId))
    if (!request.success) return
    const traceparent = `00-${executionId.replaceAll('-', '')}-${executionId.replaceAll('-', '').slice(16)}-00`
    const execution = { ...request.data, requestId: executionId, traceparent }
    await this.#options.resume(execution, { signal: this.#closing.signal, remainingMs })
  }

  /** Does nothing when some runtime has taken the run since it was seen: that one goes on with it. */
  async #giveUp({ orgId, executionId, sessionId }: AdoptedExecution, { epoch }: Unowned): Promise<void> {
    const { db, leaseMs, log } = this.#options
    const isEnded = await failUnownedRun(db, { orgId, executionId, epoch }, leaseMs, UNOWNED)
    if (isEnded) log.warn({ orgId, executionId, sessionId }, LOG.executionUnowned)
  }

  async #store(
    { orgId, executionId, sessionId, messageId, model }: AdoptedExecution,
    status: 'completed' | 'failed' | 'cancelled' | 'running' | undefined,
    outcome: StoredOutcome | null | undefined
  ): Promise<void> {
    const { services, log } = this.#options
    // Without an answer in the journal, what was saved of it while it grew stays.
    const { content = await this.#savedText(orgId, executionId), finishReason, usage, error } = outcome ?? {}
    const ids = { orgId, executionId, sessionId, messageId, model, content, attempts: 1, latencyMs: 0 }
    const mode = 'runtime_orchestrator' as const
    const failed = error ?? { code: 'INTERNAL', message: 'The execution was ended before its answer was complete.' }
    await storeResult(
      { turns: services.turns, log },
      status === 'completed'
        ? { ...ids, mode, status, messageStatus: 'complete', finishReason, usage }
        : this.#cancelled.has(executionId)
          ? { ...ids, mode, status: 'cancelled', messageStatus: 'cancelled' }
          : { ...ids, mode, status: 'failed', messageStatus: content === '' ? 'failed' : 'partial', error: failed }
    )
  }

  /** Waits for a database that is away: an empty text would take the place of the saved one. */
  async #savedText(orgId: string, executionId: string): Promise<string> {
    for (;;) {
      try {
        const record = await findExecution(this.#options.db, orgId, null, executionId)
        return record?.content ?? ''
      } catch {
        await delay(POLL_MS, undefined, { signal: this.#closing.signal })
      }
    }
  }
}
