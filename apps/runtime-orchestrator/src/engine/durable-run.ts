import type { ChatEventBody, ExecuteRequest, FinishReason, ToolEffect } from '@semibot/chat-protocol'
import type { DurableRunRef, RecordedStep } from '@semibot/db'
import { ExecutionError } from '../agent/execution-error.ts'
import type { RunContext } from '../agent/run-context.ts'
import type { RunStep, StepAttempt } from '../agent/step.ts'
import { JOURNAL_TIMEOUT_MS } from '../constants/config.ts'
import type { Durability, ExecutionHandle, StepRunner } from './durability.ts'
import { giveBack } from './give-back.ts'
import type { Journal } from './journal.ts'
import type { Lease } from './lease.ts'
import { Ownership } from './ownership.ts'
import { condenseReplay } from './replay.ts'
import { throughOutages } from './retry.ts'
import type { Outcome } from './run-execution.ts'
import { type StoredOutcome, toStored } from './stored-outcome.ts'
import { takeOver } from './take-over.ts'
import { writeEnd } from './write-end.ts'

export interface DurableRunOptions {
  journal: Journal
  lease: Lease
  /** This process, as the owner of runs. */
  instance: string
  /** Another process has begun this run: take it from the journal, or begin anew when it is not there. */
  resumed: boolean
  /** Fires when this process gives up all of its runs. */
  closing: AbortSignal
  /** Told when the run is taken from another process, and when another process has taken it from this one. */
  onTakenOver?: (request: ExecuteRequest, epoch: number) => void
  onLost?: (request: ExecuteRequest) => void
}

/**
 * One run of an agent with tools. It begins in memory only and enters the journal at its first tool call, before the
 * tool starts; from then on each step is looked up before it is run, and written down before the run goes on.
 */
export class DurableRun implements Durability {
  readonly #options: DurableRunOptions
  readonly #ownership: Ownership
  #handle!: ExecutionHandle
  #run!: RunContext
  #ref: DurableRunRef | undefined
  #entering: Promise<DurableRunRef | undefined> | undefined
  #leaveLease = (): void => undefined
  /** Lapses of the lease that this run has survived. */
  #lapses = 0
  #lost = false
  #handOver = false
  /** Results of another process, by step. */
  #recorded = new Map<string, unknown>()
  /** Results of this process that are not in the journal yet. */
  #unwritten: RecordedStep[] = []
  /** Events that come from the journal, until the first step that does not. */
  #replayed: ChatEventBody[] | undefined

  constructor(options: DurableRunOptions) {
    this.#options = options
    this.#ownership = new Ownership(options.journal)
  }

  get beginsLate(): boolean {
    return this.#options.resumed
  }

  get isDurable(): boolean {
    return this.#ref !== undefined
  }

  /** To be given to another process at the next model call. */
  handOver(): void {
    this.#handOver = true
  }

  holdsBack(event: ChatEventBody): boolean {
    if (this.#replayed === undefined || event.type.startsWith('execution.')) return false
    this.#replayed.push(event)
    return true
  }

  async run(run: RunContext, handle: ExecutionHandle, work: StepRunner): Promise<FinishReason> {
    this.#run = run
    this.#handle = handle
    const repeated = this.#options.resumed ? await this.#resume() : undefined
    if (repeated !== undefined) return repeated
    const finishReason = await work(run, this.#runStep)
    this.#goLive()
    return finishReason
  }

  async settle(outcome: Outcome): Promise<boolean> {
    this.#goLive()
    this.#leaveLease()
    if (this.#lost) return false
    const { journal, closing } = this.#options
    if (this.#ref === undefined) {
      const { asked } = this.#ownership
      const limits = { signal: closing, limitMs: this.#handle.remainingMs() }
      if (asked !== undefined) await giveBack(journal, asked, outcome, toStored(outcome, this.#run), limits)
      return true
    }
    try {
      return await writeEnd(journal, this.#ref, outcome, toStored(outcome, this.#run))
    } catch (error) {
      if (!journal.isOutage(error)) throw error
      // The database stays away: the answer is here, and the row is ended by whoever finds it.
      return true
    }
  }

  async #resume(): Promise<FinishReason | undefined> {
    const { request, signal, answer, budget } = this.#run
    const { journal, onTakenOver, lease, instance } = this.#options
    const { lapses } = lease
    const ids = { orgId: request.orgId, executionId: request.executionId, owner: instance }
    const attempt = () => this.#ownership.claim(ids)
    const claim = await takeOver({ claim: attempt, isOutage: journal.isOutage, lease }, signal)
    if (claim.kind === 'taken') {
      this.#own(claim.epoch, lapses)
      this.#recorded = new Map(claim.steps.map(({ name, result }) => [name, result]))
      this.#replayed = []
      onTakenOver?.(request, claim.epoch)
      return undefined
    }
    if (claim.kind === 'none') {
      this.#handle.begin('')
      return undefined
    }
    const { content = '', finishReason, usage, error } = (claim.outcome ?? {}) as Partial<StoredOutcome>
    // Somebody wants no answer: none is sought elsewhere, and it is nobody's fault.
    if (claim.status === 'cancelled')
      throw new ExecutionError('RUNTIME_INTERNAL', 'client', 'The execution was cancelled.')
    if (error !== undefined) throw new ExecutionError(error.code, error.origin, error.message)
    if (claim.status !== 'completed' || finishReason === undefined)
      throw new ExecutionError('RUNTIME_UNAVAILABLE', 'runtime', 'The execution was ended elsewhere.')
    this.#replayed = []
    answer.write(content)
    if (usage !== undefined) budget.addUsage(usage)
    this.#goLive()
    return finishReason
  }

  readonly #runStep: RunStep = async <T>(
    name: string,
    effect: ToolEffect,
    work: (attempt: StepAttempt) => Promise<T>
  ): Promise<T> => {
    if (this.#recorded.has(name)) return this.#recorded.get(name) as T
    this.#goLive()
    const { signal } = this.#run
    const isTool = name.startsWith('tool:')
    if (isTool) await this.#enter(effect)
    if (this.#ref === undefined) {
      const done = toStep(name, effect, await work({ signal, begunBefore: false }))
      this.#unwritten.push(done)
      await this.#writeRest()
      return done.result as T
    }
    const run = this.#ref
    // Between two turns nothing is under way: whoever takes over from here repeats nothing.
    if (this.#handOver && !isTool) this.#interrupt()
    const begun = effect === 'none' ? { begunBefore: false } : await this.#noteBegin(run, name, effect)
    // Last of all: this process may have been paused in any of the waits before.
    await this.#mustOwn(run)
    const result = await work({ signal, ...begun, mayAct: () => (this.#isMine ? undefined : this.#mustOwn(run)) })
    await this.#write(run, toStep(name, effect, result))
    return result
  }

  /** The run enters the journal, with what it has done so far. */
  async #enter(effect: ToolEffect): Promise<void> {
    if (this.#ref !== undefined) return
    this.#entering ??= this.#writeRun(effect).finally(() => {
      this.#entering = undefined
    })
    await this.#entering
    // Another tool of this turn, without effects, may have given up earlier than this one may.
    if (this.#ref === undefined && effect !== 'none') await this.#enter(effect)
  }

  async #writeRun(effect: ToolEffect): Promise<undefined> {
    const { journal, lease, instance } = this.#options
    const { request, signal } = this.#run
    const { orgId, executionId, sessionId, messageId, agent } = request
    const leave = lease.use()
    const { lapses } = lease
    const limits = { isOutage: journal.isOutage, signal, limitMs: effect === 'none' ? 0 : JOURNAL_TIMEOUT_MS }
    try {
      await throughOutages(async () => {
        if (!lease.isValid) await lease.renew()
        // Stopped while it waited: nobody would know of this begin.
        signal.throwIfAborted()
        const ids = { orgId, executionId, sessionId, messageId, owner: instance, agent: agent.slug }
        const remainingMs = this.#handle.remainingMs()
        const steps = [...this.#unwritten]
        if (!(await this.#ownership.begin({ ...ids, request, remainingMs, steps }))) this.#lose()
        this.#unwritten = this.#unwritten.slice(steps.length)
      }, limits)
    } catch (error) {
      leave()
      if (!journal.isOutage(error)) throw error
      // What has no effect may go on without a journal; the next tool tries again.
      if (effect === 'none') return
      throw new ExecutionError('RUNTIME_DEPENDENCY', 'runtime', 'The journal of runs cannot be written.', {
        cause: error
      })
    }
    leave()
    this.#own(1, lapses)
    await this.#writeRest()
  }

  /** Steps that ended while the run entered the journal; nothing to do before that. */
  async #writeRest(): Promise<void> {
    const run = this.#ref
    if (run === undefined) return
    for (const step of this.#unwritten.splice(0)) await this.#write(run, step)
  }

  /** `lapses`: of the lease, before the run was asked for. */
  #own(epoch: number, lapses: number): void {
    const { lease, instance } = this.#options
    const { orgId, executionId } = this.#run.request
    this.#leaveLease = lease.use()
    this.#lapses = lapses
    this.#ref = { orgId, executionId, owner: instance, epoch }
  }

  /** The lease has not lapsed since the run was known to be this process's. */
  get #isMine(): boolean {
    const { lease } = this.#options
    return lease.isValid && lease.lapses === this.#lapses
  }

  /** Nothing is begun by a process whose lease has lapsed before it knows that the run is still its own. */
  async #mustOwn(run: DurableRunRef): Promise<void> {
    const { journal, lease } = this.#options
    const { signal } = this.#run
    // As often as it takes: the process may be paused while it asks, too.
    while (!this.#isMine) {
      await lease.ensure(signal)
      const { lapses } = lease
      if (!(await throughOutages(() => journal.owns(run), { isOutage: journal.isOutage, signal }))) this.#lose()
      this.#lapses = lapses
    }
  }

  async #noteBegin(run: DurableRunRef, name: string, effect: ToolEffect): Promise<{ begunBefore: boolean }> {
    const { journal } = this.#options
    const { signal } = this.#run
    const note = () => journal.beginStep(run, { name, effect })
    return (await throughOutages(note, { isOutage: journal.isOutage, signal })) ?? this.#lose()
  }

  async #write(run: DurableRunRef, step: RecordedStep): Promise<void> {
    const { journal } = this.#options
    const { signal } = this.#run
    const record = () => journal.recordStep(run, step)
    if (!(await throughOutages(record, { isOutage: journal.isOutage, signal }))) this.#lose()
  }

  /** Another process has the run: this one stops where it is. */
  #lose(): never {
    if (!this.#lost) this.#options.onLost?.(this.#run.request)
    this.#lost = true
    throw this.#handle.stop({ kind: 'interrupted', reason: 'superseded' })
  }

  #interrupt(): never {
    throw this.#handle.stop({ kind: 'interrupted', reason: 'shutdown' })
  }

  /** What follows is new: the reader hears what the journal held. */
  #goLive(): void {
    const events = this.#replayed
    if (events === undefined) return
    this.#replayed = undefined
    this.#handle.begin(this.#run.answer.text)
    for (const event of condenseReplay(events)) this.#run.emit(event)
  }
}

function toStep(name: string, effect: ToolEffect, result: unknown): RecordedStep {
  const status = name.startsWith('tool:') ? (result as { status?: unknown }).status : undefined
  return { name, effect, result, ...(typeof status === 'string' ? { status } : {}) }
}
