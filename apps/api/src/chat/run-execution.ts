import {
  type CancelReason,
  type ChatEventBody,
  type ChatEventOf,
  type ChatMode,
  type ErrorCode,
  type EventError,
  type ExecutionErrorCode,
  type FinishReason,
  isRetryable,
  type MessageStatus,
  type Usage
} from '@semibot/chat-protocol'
import { type ChatExecution, ExecutionError, type ExecutionOutcome } from '../adapters/chat-executor.ts'
import { Answer } from './answer.ts'
import type { ChatServices } from './chat-services.ts'
import type { ExecutionEvents } from './event-log.ts'
import { type FailoverPlan, planFailover } from './plan-failover.ts'
import { type Attempt, recordCancel, recordFailure, recordSuccess } from './record-attempt.ts'
import type { RunningExecution } from './running-executions.ts'
import { storeResult } from './store-result.ts'

/** What the client's protocol can do; see faces/face.ts. */
export interface ClientAbilities {
  canRetract: boolean
  /** Nobody reads along: one JSON answer was asked for. */
  wholeAnswer: boolean
}

/** Why an execution was called off from outside. */
class Cancelled extends Error {
  readonly reason: CancelReason
  constructor(reason: CancelReason) {
    super(`cancelled: ${reason}`)
    this.name = 'Cancelled'
    this.reason = reason
  }
}

/** The last word on a chat is the driver's; an executor that misses its own deadline is ended this much later. */
const DEADLINE_SLACK_MS = 1000

/** How an execution ended, as it is stored. */
interface ExecutionEnd {
  status: 'completed' | 'failed' | 'cancelled'
  messageStatus: Exclude<MessageStatus, 'streaming'>
  usage?: Usage
  finishReason?: FinishReason
  error?: { code: ErrorCode; message: string }
}

type AttemptEnd =
  | { kind: 'answered'; outcome: ExecutionOutcome }
  | { kind: 'failed'; error: ExecutionError }
  | { kind: 'cancelled'; reason: CancelReason }

/**
 * Runs an accepted chat to its end, whether anybody reads along or not: attempts, failover, events,
 * figures, stored result. The events begin with `execution.started`, once the mode is final, and end
 * with exactly one terminal event.
 */
export function startExecution(
  services: ChatServices,
  execution: ChatExecution,
  mode: ChatMode,
  abilities: ClientAbilities
): RunningExecution {
  const abort = new AbortController()
  const events = services.events.open(execution)
  const run = new Run(services, execution, abilities, events, abort.signal)
  const running: RunningExecution = {
    events,
    startedAt: run.startedAt,
    partialText: () => run.answer.text,
    cancel: (reason) => abort.abort(new Cancelled(reason)),
    done: run.drive(mode)
  }
  services.running.add(running)
  return running
}

class Run {
  readonly startedAt = performance.now()
  readonly answer = new Answer()
  readonly #services: ChatServices
  readonly #execution: ChatExecution
  readonly #abilities: ClientAbilities
  readonly #events: ExecutionEvents
  readonly #cancelled: AbortSignal
  #started = false
  /** The failover that is announced as soon as the next attempt is under way. */
  #announcement: ChatEventOf<'execution.fallback'> | undefined
  #fallbackReason: ExecutionErrorCode | undefined
  #note: string | undefined

  constructor(
    services: ChatServices,
    execution: ChatExecution,
    abilities: ClientAbilities,
    events: ExecutionEvents,
    cancelled: AbortSignal
  ) {
    this.#services = services
    this.#execution = execution
    this.#abilities = abilities
    this.#events = events
    this.#cancelled = cancelled
  }

  async drive(firstMode: ChatMode): Promise<void> {
    let mode = firstMode
    let continueFrom: string | undefined
    for (let number = 1; ; number++) {
      const end = await this.#attempt(mode, number, continueFrom)
      if (end.kind === 'answered') return this.#complete(mode, number, end.outcome)
      if (end.kind === 'cancelled') return this.#cancel(mode, number, end.reason)
      const plan = this.#plan(mode, number, end.error)
      if (plan.action === 'fail') return this.#fail(mode, number, end.error)
      continueFrom = this.#prepareFailover(plan, number, end.error)
      mode = 'direct_llm'
    }
  }

  async #attempt(mode: ChatMode, number: number, continueFrom: string | undefined): Promise<AttemptEnd> {
    const { metrics, executors } = this.#services
    const remainingMs = this.#remainingMs()
    const startedAt = performance.now()
    let firstTextMs: number | undefined
    const attempt = (): Attempt => ({ mode, number, latencyMs: performance.now() - startedAt, firstTextMs })

    const call = new AbortController()
    const abort = () => call.abort(this.#cancelled.reason)
    if (this.#cancelled.aborted) abort()
    else this.#cancelled.addEventListener('abort', abort, { once: true })
    const deadline = setTimeout(
      () => call.abort(deadlineError(mode)),
      mode === 'direct_llm' ? remainingMs : remainingMs + DEADLINE_SLACK_MS
    )

    metrics.executionStarted(mode)
    try {
      if (call.signal.aborted) throw call.signal.reason
      const outcome = await executors[mode].execute(this.#execution, {
        signal: call.signal,
        flow: this.#events.flow,
        attempt: number,
        remainingMs,
        wholeAnswer: this.#abilities.wholeAnswer,
        ...(continueFrom === undefined ? {} : { continueFrom }),
        ...(this.#note === undefined ? {} : { note: this.#note }),
        accepted: () => this.#announce(mode, number),
        emit: (event) => {
          if (call.signal.aborted) return
          if (firstTextMs === undefined && event.type === 'message.delta') firstTextMs = performance.now() - startedAt
          this.#emit(event)
        }
      })
      recordSuccess(this.#services, this.#execution, attempt(), outcome.usage)
      return { kind: 'answered', outcome }
    } catch (thrown) {
      if (thrown instanceof Cancelled) {
        recordCancel(this.#services, this.#execution, attempt())
        return { kind: 'cancelled', reason: thrown.reason }
      }
      const error = thrown instanceof ExecutionError ? thrown : unexpected(mode, thrown)
      recordFailure(this.#services, this.#execution, attempt(), error)
      return { kind: 'failed', error }
    } finally {
      clearTimeout(deadline)
      this.#cancelled.removeEventListener('abort', abort)
      metrics.executionEnded(mode)
    }
  }

  #plan(mode: ChatMode, attempts: number, error: ExecutionError): FailoverPlan {
    return planFailover({
      failedMode: mode,
      origin: error.origin,
      code: error.code,
      attempts,
      textVisible: this.answer.textVisible,
      canRetract: this.#abilities.canRetract,
      continuation: this.#services.continuation,
      remainingMs: this.#remainingMs()
    })
  }

  /** Readies what the client will be told, and gives the text that the next attempt goes on from. */
  #prepareFailover(plan: FailoverPlan, number: number, error: ExecutionError): string | undefined {
    this.#fallbackReason = error.code
    this.#services.metrics.fallbackExecution(error.code)
    this.#announcement = {
      type: 'execution.fallback',
      from: 'runtime_orchestrator',
      to: 'direct_llm',
      reason: error.message,
      reasonCode: error.code,
      attempt: number + 1,
      discardedMessageIds: plan.action === 'retract' ? [this.#execution.messageId] : [],
      discardedToolCallIds: this.answer.openToolCallIds
    }
    this.#closeUnknownTools()
    if (plan.action === 'continue') return this.answer.text
    this.answer.retract()
    return undefined
  }

  /** A tool with effects may or may not have done its work: nobody runs it again, and everybody is told. */
  #closeUnknownTools(): void {
    const unknown = this.answer.openUnsafeTools
    if (unknown.length === 0) return
    for (const { toolCallId } of unknown) {
      this.#emit({ type: 'tool.finished', toolCallId, status: 'unknown', durationMs: 0 })
    }
    const names = unknown.map((tool) => tool.name).join(', ')
    this.#note = `These tools were started and their results are unknown: ${names}. They will not be run again. Tell the user that it is unknown whether they took effect.`
  }

  #announce(mode: ChatMode, attempt: number): void {
    if (!this.#started) {
      this.#started = true
      const { executionId, sessionId, messageId, agent, traceparent } = this.#execution
      this.#events.append({
        type: 'execution.started',
        executionId,
        sessionId,
        messageId,
        mode,
        attempt,
        model: agent.model,
        traceId: traceparent.slice(3, 35)
      })
    }
    if (this.#announcement !== undefined) {
      this.#events.append(this.#announcement)
      this.#announcement = undefined
    }
  }

  #emit(event: ChatEventBody): void {
    if (this.answer.take(event)) this.#events.append(event)
  }

  async #complete(mode: ChatMode, attempts: number, outcome: ExecutionOutcome): Promise<void> {
    const { usage, finishReason } = outcome
    const latencyMs = performance.now() - this.startedAt
    const stored = await this.#store(mode, attempts, {
      status: 'completed',
      messageStatus: 'complete',
      usage,
      finishReason
    })
    if (!stored) return this.#refuse({ code: 'INTERNAL', message: 'the answer could not be stored', retryable: true })
    this.#services.metrics.requestFinished('success')
    this.#events.append({
      type: 'execution.completed',
      finishReason,
      usage,
      mode,
      attempts,
      latencyMs: Math.round(latencyMs)
    })
  }

  async #fail(mode: ChatMode, attempts: number, error: ExecutionError): Promise<void> {
    const { code, message } = error
    const messageStatus = this.answer.textVisible ? 'partial' : 'failed'
    await this.#store(mode, attempts, { status: 'failed', messageStatus, error: { code, message } })
    this.#refuse({ code, message, retryable: isRetryable(code), requestId: this.#execution.requestId })
  }

  async #cancel(mode: ChatMode, attempts: number, reason: CancelReason): Promise<void> {
    if (reason === 'shutdown') {
      const message = 'the server is shutting down; send the message again'
      const error = { code: 'SHUTTING_DOWN', message } as const
      const messageStatus = this.answer.textVisible ? 'partial' : 'failed'
      await this.#store(mode, attempts, { status: 'failed', messageStatus, error })
      return this.#refuse({ ...error, retryable: true, requestId: this.#execution.requestId })
    }
    await this.#store(mode, attempts, { status: 'cancelled', messageStatus: 'cancelled' })
    this.#services.metrics.requestFinished('cancelled')
    this.#events.append({ type: 'execution.cancelled', reason })
  }

  #refuse(error: EventError): void {
    this.#services.metrics.requestFinished('error')
    this.#events.append({ type: 'execution.failed', error })
  }

  #store(mode: ChatMode, attempts: number, end: ExecutionEnd): Promise<boolean> {
    const { executionId, orgId, sessionId, messageId, agent } = this.#execution
    const { firstTextAt } = this.answer
    return storeResult(this.#services, {
      executionId,
      orgId,
      sessionId,
      messageId,
      content: this.answer.text,
      mode,
      attempts,
      model: agent.model,
      lastSeq: this.#events.lastSeq + 1,
      latencyMs: Math.round(performance.now() - this.startedAt),
      ...(firstTextAt === undefined ? {} : { firstTokenMs: Math.round(firstTextAt - this.startedAt) }),
      ...(this.#fallbackReason === undefined ? {} : { fallbackReason: this.#fallbackReason }),
      ...end
    })
  }

  #remainingMs(): number {
    return this.#services.executionTimeoutMs - (performance.now() - this.startedAt)
  }
}

function deadlineError(mode: ChatMode): ExecutionError {
  const message = 'the answer was not finished in time'
  return mode === 'direct_llm'
    ? new ExecutionError('DEADLINE_EXCEEDED', 'llm', message)
    : new ExecutionError('RUNTIME_TIMEOUT', 'runtime', message)
}

/** A fault of our own code: the client learns nothing of it, the log everything. */
function unexpected(mode: ChatMode, cause: unknown): ExecutionError {
  return mode === 'direct_llm'
    ? new ExecutionError('LLM_UNAVAILABLE', 'llm', 'the answer could not be produced', { cause })
    : new ExecutionError('RUNTIME_INTERNAL', 'runtime', 'the answer could not be produced', { cause })
}
