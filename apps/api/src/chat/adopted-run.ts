import { setTimeout as delay } from 'node:timers/promises'
import { executeRequestSchema } from '@semibot/chat-protocol'
import {
  type AdoptedExecution,
  cancelDurableRun,
  type Database,
  type DurableOutcome,
  failUnownedRun,
  findDurableOutcome,
  findDurableRequest
} from '@semibot/db'
import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { AdoptedCall } from '../adapters/adopted-call.ts'
import type { ChatExecution } from '../adapters/chat-executor.ts'
import type { AdoptedListener } from '../adapters/listen-to-adopted.ts'
import { LOG } from '../constants/log-messages.ts'
import type { AdoptedStory } from './adopted-story.ts'
import type { ChatServices } from './chat-services.ts'
import { type AdoptedEnd, type StoredOutcome, storeAdopted } from './store-adopted.ts'

export interface AdoptedRunOptions {
  db: Kysely<Database>
  services: Pick<ChatServices, 'turns'>
  log: FastifyBaseLogger
  /** A runtime that was silent for so long has lost its runs, milliseconds. */
  leaseMs: number
  /** A run that no runtime has had for so long is ended, milliseconds. */
  unownedMs: number
  /**
   * Has some runtime instance go on with a run; resolves when that has ended, or at once when none may be called.
   * Rejects when it failed.
   */
  resume: (execution: ChatExecution, call: AdoptedCall) => Promise<unknown>
  /** Hears the instance that has the run until that has ended; resolves at once when none says that it has it. */
  listen: (execution: ChatExecution, call: AdoptedCall, listener: AdoptedListener) => Promise<unknown>
  /**
   * What the dead process has told of an execution, to be gone on with; undefined where that is not to be had. Rejects
   * when it is not known.
   */
  recall: (execution: ChatExecution) => Promise<AdoptedStory | undefined>
}

/** The instance is heard that was the owner of the run in this epoch. */
interface Hearing {
  epoch: number
  abort: AbortController
  ended: Promise<void>
}

/** A run that its owner has lost, and since when it is known that nobody has taken it. */
interface Unowned {
  epoch: number
  since: number
}

const POLL_MS = 1000
/** How long the last words of a run may take that the journal says has ended. */
const LAST_WORDS_MS = 1000

/** What is left in the journal, and told, of a run that no runtime goes on with. */
const UNOWNED: StoredOutcome & { error: { origin: 'runtime' } } = {
  error: {
    code: 'RUNTIME_UNAVAILABLE',
    message: 'No runtime could go on with the answer. Please send the message again.',
    origin: 'runtime'
  }
}

/** One adopted execution, from its adoption until its end is stored or it is left. */
export class AdoptedRun {
  /** Never rejects. */
  readonly done: Promise<void>
  readonly #options: AdoptedRunOptions
  readonly #orphan: AdoptedExecution
  readonly #leaving = new AbortController()
  /** Aborted when a user has ended the run: the runtime that goes on with it may notice that late. */
  readonly #cancelled = new AbortController()
  #execution: ChatExecution | undefined
  #isRecalled = false
  #story: AdoptedStory | undefined
  #hearing: Hearing | undefined
  /** Why this process has ended the run. */
  #why: AdoptedEnd['why']

  constructor(options: AdoptedRunOptions, orphan: AdoptedExecution) {
    this.#options = options
    this.#orphan = orphan
    this.done = this.#drive()
      .catch((error: unknown) => {
        if (!this.#leaving.signal.aborted) options.log.warn({ ...orphan, err: error }, LOG.executionNotAdopted)
      })
      // Whatever has not ended here goes on elsewhere: its readers are told to ask again.
      .then(() => this.#story?.leave())
  }

  async cancel(): Promise<void> {
    this.#why = 'cancelled'
    await cancelDurableRun(this.#options.db, this.#orphan.orgId, this.#orphan.executionId)
    this.#cancelled.abort(new Error('the execution was cancelled'))
  }

  /** Ends the work of this process on it. Never rejects. */
  async leave(): Promise<void> {
    this.#leaving.abort(new Error('the server is shutting down'))
    await this.done
  }

  async #drive(): Promise<void> {
    const { db, leaseMs } = this.#options
    const { orgId, executionId } = this.#orphan
    const { signal } = this.#leaving
    let unowned: Unowned | undefined
    for (;;) {
      const run = await findDurableOutcome(db, orgId, executionId, leaseMs).catch(() => 'unknown' as const)
      if (run === undefined || (run !== 'unknown' && run.status !== 'running')) {
        await this.#stopHearing(LAST_WORDS_MS)
        const end = {
          status: run?.status,
          why: this.#why,
          outcome: run?.outcome as StoredOutcome | null
        }
        return await storeAdopted(this.#options, this.#orphan, this.#story, end, signal)
      }
      // While the database is away nobody knows who has the run, and whoever has it cannot say so.
      if (run === 'unknown' || run.isOwned) unowned = undefined
      else if (run.epoch !== unowned?.epoch) unowned = { epoch: run.epoch, since: performance.now() }
      if (run !== 'unknown') await this.#lookAfter(run, unowned)
      await delay(POLL_MS, undefined, { signal })
    }
  }

  /** Whatever it comes to, and when the database does not answer: the end of the run is found in the journal. */
  async #lookAfter(run: DurableOutcome, unowned: Unowned | undefined): Promise<void> {
    const { db, unownedMs, resume } = this.#options
    const { orgId, executionId } = this.#orphan
    try {
      if (run.isOverdue) {
        this.#why ??= 'deadline'
        await cancelDurableRun(db, orgId, executionId)
        return
      }
      if (unowned !== undefined && performance.now() - unowned.since >= unownedMs) {
        await this.#giveUp(unowned)
        return
      }
      const execution = await this.#find()
      if (execution === undefined) return
      await this.#recall(execution)
      if (unowned !== undefined || this.#hearing?.epoch !== run.epoch) await this.#stopHearing(0)
      if (unowned === undefined) this.#hear(execution, run)
      else {
        const signal = AbortSignal.any([this.#cancelled.signal, this.#leaving.signal])
        await resume(execution, this.#call(run, signal))
      }
    } catch {
      // Tried again.
    }
  }

  #call({ remainingMs }: DurableOutcome, signal: AbortSignal): AdoptedCall {
    return { signal, remainingMs, reader: this.#story?.reader }
  }

  /** In the background: the end is looked for in the journal all the same. */
  #hear(execution: ChatExecution, run: DurableOutcome): void {
    const story = this.#story
    if (story === undefined || this.#hearing !== undefined) return
    const abort = new AbortController()
    const signal = AbortSignal.any([abort.signal, this.#leaving.signal])
    const forget = () => {
      this.#hearing = undefined
    }
    const ended = this.#options.listen(execution, this.#call(run, signal), story).then(forget, forget)
    this.#hearing = { epoch: run.epoch, abort, ended }
  }

  async #stopHearing(withinMs: number): Promise<void> {
    const hearing = this.#hearing
    if (hearing === undefined) return
    const late = setTimeout(() => hearing.abort.abort(), withinMs)
    await hearing.ended
    clearTimeout(late)
  }

  async #find(): Promise<ChatExecution | undefined> {
    if (this.#execution !== undefined) return this.#execution
    const { executionId } = this.#orphan
    const request = executeRequestSchema.safeParse(await findDurableRequest(this.#options.db, executionId))
    if (!request.success) return undefined
    const traceparent = `00-${executionId.replaceAll('-', '')}-${executionId.replaceAll('-', '').slice(16)}-00`
    this.#execution = { ...request.data, requestId: executionId, traceparent }
    return this.#execution
  }

  /** The run does not wait for a Redis that is away: it is asked again at the next look. */
  async #recall(execution: ChatExecution): Promise<void> {
    if (this.#isRecalled) return
    try {
      this.#story = await this.#options.recall(execution)
      this.#isRecalled = true
    } catch {
      // Nothing is told until then.
    }
  }

  /** Does nothing when some runtime has taken the run since it was seen: that one goes on with it. */
  async #giveUp({ epoch }: Unowned): Promise<void> {
    const { db, leaseMs, log } = this.#options
    const { orgId, executionId, sessionId } = this.#orphan
    const isEnded = await failUnownedRun(db, { orgId, executionId, epoch }, leaseMs, UNOWNED)
    if (isEnded) log.warn({ orgId, executionId, sessionId }, LOG.executionUnowned)
  }
}
