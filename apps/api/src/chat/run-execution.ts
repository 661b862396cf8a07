import {
  type CancelReason,
  type ChatMode,
  type ErrorCode,
  type ExecutionErrorCode,
  type FinishReason,
  isRetryable,
  type MessageStatus,
  type Usage
} from '@semibot/chat-protocol'
import type { Span } from '@semibot/service-kit'
import { type ChatExecution, ExecutionError, type ExecutionOutcome, LeftToOthers } from '../adapters/chat-executor.ts'
import type { ChatServices } from './chat-services.ts'
import type { ModeDecision } from './decide-mode.ts'
import type { ExecutionEvents } from './event-log.ts'
import { Cancelled, deadlineError, unexpectedError } from './execution-errors.ts'
import { databaseSpan, describeEnd, endAttemptSpan, startAttemptSpan, startExecutionSpan } from './execution-spans.ts'
import { ExecutionStory } from './execution-story.ts'
import { type FailoverPlan, planFailover } from './plan-failover.ts'
import { type Attempt, recordCancel, recordFailure, recordLeft, recordSuccess } from './record-attempt.ts'
import type { RunningExecution } from './running-executions.ts'
import { storeResult } from './store-result.ts'

/** What the client's protocol can do; see faces/face.ts. */
export interface ClientAbilities {
  canRetract: boolean
  /** Nobody reads along: one JSON answer was asked for. */
  wholeAnswer: boolean
}

/** How an execution ended, as it is stored. */
interface ExecutionEnd {
  status: 'completed' | 'failed' | 'cancelled'
  messageStatus: Exclude<MessageStatus, 'streaming'>
  usage?: Usage
  finishReason?: FinishReason
  error?: { code: ErrorCode; message: string }
}

type FallbackCode = ExecutionErrorCode | NonNullable<ModeDecision['fallbackReason']>

type AttemptEnd =
  | { kind: 'answered'; outcome: ExecutionOutcome }
  | { kind: 'failed'; error: ExecutionError }
  | { kind: 'cancelled'; reason: CancelReason }
  | { kind: 'left' }

/** The runtime ends an execution at its deadline by itself; what has not ended this much later is ended here. */
const DEADLINE_SLACK_MS = 1000

/**
 * Runs an accepted chat to its end, whether anybody reads along or not: attempts, failover, events,
 * figures, stored result. The events begin with `execution.started`, once the mode is final, and end
 * with exactly one terminal event, unless this process leaves the execution to the others.
 */
export function startExecution(
  services: ChatServices,
  execution: ChatExecution,
  decision: ModeDecision,
  abilities: ClientAbilities
): RunningExecution {
  const abort = new AbortController()
  const cancelled = services.running.dismiss(execution.executionId)
  if (cancelled !== undefined) abort.abort(new Cancelled(cancelled))
  const events = services.events.open(execution)
  const run = new Run({ services, execution, decision, abilities, events, signal: abort.signal })
  const deadline = setTimeout(
    () => abort.abort(deadlineError(decision.mode)),
    services.executionTimeoutMs + DEADLINE_SLACK_MS
  )
  const running: RunningExecution = {
    events,
    startedAt: run.startedAt,
    partialText: () => run.story.answer.text,
    cancel: (reason) => abort.abort(new Cancelled(reason)),
    leave: () => abort.abort(new LeftToOthers()),
    done: run.drive().finally(() => {
      clearTimeout(deadline)
      run.span.end()
    })
  }
  services.running.add(running)
  return running
}

interface RunOptions {
  services: ChatServices
  execution: ChatExecution
  decision: ModeDecision
  abilities: ClientAbilities
  events: ExecutionEvents
  /** Aborted when the execution is cancelled, or its time is over. */
  signal: AbortSignal
}

class Run {
  readonly startedAt = performance.now()
  readonly story: ExecutionStory
  readonly span: Span
  readonly #options: RunOptions
  #fallbackReason: FallbackCode | undefined
  /** What the model must be told beside the conversation. */
  #note: string | undefined

  constructor(options: RunOptions) {
    this.#options = options
    const { services, execution, decision, events } = options
    this.story = new ExecutionStory(execution, events)
    this.span = startExecutionSpan(services, execution, decision)
  }

  async drive(): Promise<void> {
    const { decision, services } = this.#options
    services.extraCalls.request()
    if (decision.fallbackReason !== undefined) {
      services.metrics.breakerRejection()
      this.#fallBack(decision.fallbackReason, 'the runtime is not used at the moment', 1, false)
    }
    let { mode } = decision
    let continueFrom: string | undefined
    for (let number = 1; ; number++) {
      const end = await this.#attempt(mode, number, continueFrom)
      if (end.kind === 'answered') return this.#complete(mode, number, end.outcome)
      if (end.kind === 'cancelled') return this.#cancel(mode, number, end.reason)
      if (end.kind === 'left') return
      const plan = this.#plan(mode, number, end.error)
      if (plan.action === 'fail') return this.#fail(mode, number, end.error)
      this.#note = this.story.closeUnknownTools()
      continueFrom = plan.action === 'continue' ? this.story.answer.text : undefined
      this.#fallBack(end.error.code, end.error.message, number + 1, plan.action === 'retract')
      mode = 'direct_llm'
    }
  }

  async #attempt(mode: ChatMode, number: number, continueFrom: string | undefined): Promise<AttemptEnd> {
    const { services, execution, decision, abilities, events, signal } = this.#options
    const remainingMs = this.#remainingMs()
    const startedAt = performance.now()
    let firstTextMs: number | undefined
    const attempt = (): Attempt => ({ mode, number, latencyMs: performance.now() - startedAt, firstTextMs })

    const span = startAttemptSpan(services, execution, this.span, { mode, number })
    const traced = services.tracing.enabled ? { ...execution, traceparent: span.traceparent } : execution
    services.metrics.executionStarted(mode)
    services.recent.started(mode)
    try {
      if (signal.aborted) throw signal.reason
      const outcome = await services.executors[mode].execute(traced, {
        signal,
        flow: events,
        attempt: number,
        startedAt,
        remainingMs,
        wholeAnswer: abilities.wholeAnswer,
        ...(decision.pass === undefined ? {} : { pass: decision.pass }),
        ...(continueFrom === undefined ? {} : { continueFrom }),
        ...(this.#note === undefined ? {} : { note: this.#note }),
        accepted: () => this.story.begin(mode, number),
        rewind: (text) => this.story.rewind(text, number, abilities.canRetract),
        emit: (event) => {
          if (signal.aborted) return
          if (firstTextMs === undefined && event.type === 'message.delta') firstTextMs = performance.now() - startedAt
          this.story.tell(event)
        }
      })
      recordSuccess(services, execution, attempt(), outcome.usage)
      endAttemptSpan(span, outcome)
      return { kind: 'answered', outcome }
    } catch (thrown) {
      // Only a runtime goes on without this process. Once the model takes over, the run in the journal is ended.
      if (thrown instanceof LeftToOthers && mode === 'runtime_orchestrator') {
        recordLeft(services, execution, attempt())
        return { kind: 'left' }
      }
      if (thrown instanceof Cancelled || thrown instanceof LeftToOthers) {
        span.fail('cancelled')
        recordCancel(services, execution, attempt())
        return { kind: 'cancelled', reason: thrown instanceof Cancelled ? thrown.reason : 'shutdown' }
      }
      const error = thrown instanceof ExecutionError ? thrown : unexpectedError(mode, thrown)
      span.fail(error.code)
      recordFailure(services, execution, attempt(), error)
      return { kind: 'failed', error }
    } finally {
      span.end()
      services.metrics.executionEnded(mode)
      services.recent.ended(mode)
    }
  }

  #plan(mode: ChatMode, attempts: number, error: ExecutionError): FailoverPlan {
    const { services, execution, abilities } = this.#options
    return planFailover({
      failedMode: mode,
      origin: error.origin,
      code: error.code,
      attempts,
      agentHasTools: execution.agent.tools.length > 0,
      textVisible: this.story.answer.textVisible,
      canRetract: abilities.canRetract,
      continuation: services.continuation,
      remainingMs: this.#remainingMs(),
      // Where nothing was accepted no model was called, and a first call is no extra one.
      takeBudget: () => !this.story.started || services.extraCalls.tryTake(!services.breaker.fallback)
    })
  }

  #fallBack(code: FallbackCode, reason: string, attempt: number, retract: boolean): void {
    this.#fallbackReason = code
    this.#options.services.metrics.fallbackExecution(code)
    this.story.fallBack({ reasonCode: code, reason, attempt, retract })
  }

  async #complete(mode: ChatMode, attempts: number, { usage, finishReason }: ExecutionOutcome): Promise<void> {
    const latencyMs = Math.round(performance.now() - this.startedAt)
    const end = { status: 'completed', messageStatus: 'complete', usage, finishReason } as const
    const isStored = (await this.#store(mode, attempts, end)) || (await this.#isStoredByAnother())
    if (!isStored) return this.#refuse('INTERNAL', 'The answer could not be stored.')
    const { services, execution, abilities } = this.#options
    services.metrics.requestFinished('success')
    this.story.end({ type: 'execution.completed', finishReason, usage, mode, attempts, latencyMs })
    // Nobody was shown these events, and the answer is stored: whoever asks again gets it from there. Kept for
    // minutes they would cost more time in garbage collection than in being made.
    if (abilities.wholeAnswer) services.events.forget(execution.executionId)
  }

  async #fail(
    mode: ChatMode,
    attempts: number,
    { code, message }: Pick<ExecutionError, 'message'> & { code: ErrorCode }
  ) {
    this.story.closeUnknownTools()
    const messageStatus = this.story.answer.textVisible ? 'partial' : 'failed'
    await this.#store(mode, attempts, { status: 'failed', messageStatus, error: { code, message } })
    this.#refuse(code, message)
  }

  async #cancel(mode: ChatMode, attempts: number, reason: CancelReason): Promise<void> {
    if (reason === 'shutdown') {
      const message = 'The server is shutting down; send the message again.'
      return this.#fail(mode, attempts, { code: 'SHUTTING_DOWN', message })
    }
    this.story.closeUnknownTools()
    await this.#store(mode, attempts, { status: 'cancelled', messageStatus: 'cancelled' })
    this.#options.services.metrics.requestFinished('cancelled')
    this.story.end({ type: 'execution.cancelled', reason })
  }

  #refuse(code: ErrorCode, message: string): void {
    const { services, execution } = this.#options
    services.metrics.requestFinished('error')
    const error = { code, message, retryable: isRetryable(code), requestId: execution.requestId }
    this.story.end({ type: 'execution.failed', error })
  }

  #store(mode: ChatMode, attempts: number, end: ExecutionEnd): Promise<boolean> {
    const { services, execution, events } = this.#options
    const { executionId, orgId, sessionId, messageId, agent } = execution
    const { firstTextAt, text } = this.story.answer
    const { status, usage, error } = end
    describeEnd(this.span, { mode, attempts, status, usage, code: error?.code })
    const span = services.tracing.start('finish_turn', this.span.traceparent, databaseSpan('finish_turn'))
    return storeResult(services, {
      executionId,
      orgId,
      sessionId,
      messageId,
      content: text,
      mode,
      attempts,
      model: agent.model,
      // The terminal event comes next.
      lastSeq: events.lastSeq + 1,
      latencyMs: Math.round(performance.now() - this.startedAt),
      ...(firstTextAt === undefined ? {} : { firstTokenMs: Math.round(firstTextAt - this.startedAt) }),
      ...(this.#fallbackReason === undefined ? {} : { fallbackReason: this.#fallbackReason }),
      ...end
    }).finally(() => span.end())
  }

  /** A process that was paused is taken for dead: whoever adopted the execution has stored its answer. */
  async #isStoredByAnother(): Promise<boolean> {
    const { services, execution } = this.#options
    const { orgId, executionId } = execution
    const record = await services.findExecution({ orgId, userId: null }, executionId).catch(() => undefined)
    return record?.status === 'completed' && record.content === this.story.answer.text
  }

  #remainingMs(): number {
    return this.#options.services.executionTimeoutMs - (performance.now() - this.startedAt)
  }
}
