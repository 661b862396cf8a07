import { createHash } from 'node:crypto'
import type { ExecuteRequest } from '@semibot/chat-protocol'
import { traceIdOf } from '@semibot/service-kit'
import { Answer } from '../agent/answer.ts'
import type { RunContext } from '../agent/run-context.ts'
import { inlineSteps } from '../agent/step.ts'
import { type BudgetLimits, mergeLimits, StepBudget } from '../agent/step-budget.ts'
import { Attendance, NEVER_CONGESTED } from './attendance.ts'
import { Digest } from './digest.ts'
import type { Durability, ExecutionHandle, StepRunner } from './durability.ts'
import type { EventLog, ExecutionEvents } from './event-log.ts'
import type { Execution, ExecutionCall, ExecutionReport } from './execution-engine.ts'
import { type Outcome, runExecution } from './run-execution.ts'
import { Stop, type StopCause } from './stop.ts'

export interface InlineEngineOptions {
  /** Which process this is; told in the first event of each execution. */
  instance: string
  log: EventLog
  limits: BudgetLimits
  run: StepRunner
  observer: ExecutionObserver
}

export interface ExecutionObserver {
  started(request: ExecuteRequest, call: ExecutionCall): void
  ended(request: ExecuteRequest, call: ExecutionCall, outcome: Outcome, report: ExecutionReport): void
}

/** What there is only while an execution runs; the history in it may be large. */
interface Work {
  run: RunContext
  controller: AbortController
  attendance: Attendance
  digest: Digest
}

/** One execution of the inline engine. Begins at once; is kept for a while after its end, without its request. */
export class InlineExecution implements Execution {
  readonly events: ExecutionEvents
  readonly ended: Promise<ExecutionReport>
  readonly fingerprint: string
  readonly attempt: number
  content = ''
  #report: ExecutionReport
  #work: Work | undefined
  readonly #signal: AbortSignal

  /** `durability` makes it outlive this process. */
  constructor(request: ExecuteRequest, call: ExecutionCall, options: InlineEngineOptions, durability?: Durability) {
    this.attempt = call.attempt
    this.fingerprint = fingerprintOf(request)
    this.events = options.log.open(request.executionId)
    const attendance = new Attendance(() => {
      if (!durability?.isDurable) this.stop({ kind: 'cancelled', reason: 'disconnect' })
    })
    const digest = new Digest()
    const emit: RunContext['emit'] = (event) => {
      if (durability?.holdsBack(event)) return
      this.events.append(event)
      digest.note(event, this.events.lastSeq)
    }
    const work = { ...createWork(request, call, options.limits, emit, attendance), digest }
    this.#work = work
    this.#signal = work.run.signal
    this.#report = beginReport(request, call)
    if (!durability?.beginsLate) work.run.emit(startedEvent(request, call, options.instance))
    this.ended = this.#finish(work, request, call, options, durability)
  }

  attend(flow = NEVER_CONGESTED): () => void {
    return this.#work?.attendance.enter(flow) ?? (() => undefined)
  }

  get isAnswering(): boolean {
    return this.#work?.run.answer.isUnderWay ?? false
  }

  digest(): string[] {
    return this.#work?.digest.frames(this.#work.run.answer.text) ?? []
  }

  /** Does nothing once the execution has ended. */
  stop(cause: StopCause): void {
    this.#work?.controller.abort(new Stop(cause))
  }

  /** It was, or is being, cancelled because everybody left: whoever comes now wants a new run. */
  get abandoned(): boolean {
    const why = this.#signal.aborted && this.#signal.reason instanceof Stop ? this.#signal.reason.why : undefined
    return why?.kind === 'cancelled' && why.reason === 'disconnect'
  }

  report(): ExecutionReport {
    const usage = this.#work?.run.budget.usage
    if (usage === undefined) return this.#report
    return { ...this.#report, lastSeq: this.events.lastSeq, usage: usage.totalTokens > 0 ? usage : null }
  }

  async #finish(
    work: Work,
    request: ExecuteRequest,
    call: ExecutionCall,
    options: InlineEngineOptions,
    durability: Durability | undefined
  ) {
    const startedAt = performance.now()
    const deadline = setTimeout(() => this.stop({ kind: 'deadline' }), Math.max(0, call.budgetMs))
    options.observer.started(request, call)
    // The first event is on its way to the caller before anything else is done.
    await new Promise((resolve) => setImmediate(resolve))
    const handle: ExecutionHandle = {
      begin: (text) => work.run.emit({ ...startedEvent(request, call, options.instance), resumed: { text } }),
      stop: (cause) => {
        this.stop(cause)
        return this.#signal.reason as Stop
      },
      remainingMs: () => Math.max(0, startedAt + call.budgetMs - performance.now())
    }
    const runner = (run: RunContext) =>
      durability === undefined ? options.run(run, inlineSteps(run.signal)) : durability.run(run, handle, options.run)
    const outcome = await runExecution(work.run, runner, call, startedAt, durability)
    clearTimeout(deadline)
    if (outcome.status === 'completed') this.content = work.run.answer.text
    this.#report = endReport(this.report(), outcome)
    this.#work = undefined
    options.observer.ended(request, call, outcome, this.#report)
    return this.#report
  }
}

/** The same request again has the same fingerprint; the text itself need not be kept for that. */
export function fingerprintOf(request: ExecuteRequest): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64')
}

function createWork(
  request: ExecuteRequest,
  { traceparent }: ExecutionCall,
  limits: BudgetLimits,
  emit: RunContext['emit'],
  attendance: Attendance
): Omit<Work, 'digest'> {
  const controller = new AbortController()
  const run: RunContext = {
    request,
    signal: controller.signal,
    flow: attendance,
    headers: { traceparent },
    budget: new StepBudget(mergeLimits(limits, request.limits), request.agent.model),
    answer: new Answer(request.messageId, emit),
    emit,
    modelSilentSince: undefined
  }
  return { run, controller, attendance }
}

function startedEvent(request: ExecuteRequest, { attempt, traceparent }: ExecutionCall, instance: string) {
  const { executionId, sessionId, messageId, agent } = request
  return {
    type: 'execution.started' as const,
    executionId,
    sessionId,
    messageId,
    mode: 'runtime_orchestrator' as const,
    attempt,
    model: agent.model,
    instance,
    traceId: traceIdOf(traceparent)
  }
}

function beginReport(request: ExecuteRequest, { attempt }: ExecutionCall): ExecutionReport {
  const { executionId, orgId, sessionId, messageId } = request
  const ids = { executionId, orgId, sessionId, messageId, attempt }
  const open = { endedAt: null, finishReason: null, usage: null, error: null }
  return { ...ids, status: 'running', lastSeq: 0, startedAt: Date.now(), ...open }
}

function endReport(report: ExecutionReport, outcome: Outcome): ExecutionReport {
  const ended = { ...report, status: outcome.status, endedAt: Date.now() }
  if (outcome.status === 'completed') return { ...ended, finishReason: outcome.finishReason }
  if (outcome.status !== 'failed') return ended
  const { code, message, origin = 'runtime' } = outcome.error
  return { ...ended, error: { code, message, origin } }
}
