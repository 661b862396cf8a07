import type { ChatMode, ExecutionErrorCode, Usage } from '@semibot/chat-protocol'
import { isSampled, traceIdOf } from '@semibot/service-kit'
import type { ChatExecution, ExecutionError } from '../adapters/chat-executor.ts'
import { LOG } from '../constants/log-messages.ts'
import type { ChatServices } from './chat-services.ts'

/** One attempt that has ended. */
export interface Attempt {
  mode: ChatMode
  number: number
  latencyMs: number
  /** From the start of the attempt to its first text; undefined when there was none. */
  firstTextMs: number | undefined
}

/** Counts and logs an attempt that gave an answer. */
export function recordSuccess(services: ChatServices, execution: ChatExecution, attempt: Attempt, usage: Usage): void {
  const { metrics, recent } = services
  const { mode, latencyMs, firstTextMs } = attempt
  metrics.executionFinished(mode, { ok: true, latencyMs, traceId: keptTrace(services, execution) })
  recent.completed(mode, latencyMs, firstTextMs)
  metrics.tokens(mode, usage.inputTokens, usage.outputTokens)
  if (firstTextMs !== undefined) {
    metrics.firstToken(mode, firstTextMs / 1000)
    const seconds = (latencyMs - firstTextMs) / 1000
    if (seconds > 0) metrics.outputRate(mode, usage.outputTokens / seconds)
  }
  const text = mode === 'direct_llm' ? LOG.directCompleted(latencyMs) : LOG.executionCompleted(latencyMs)
  services.log.info(fieldsOf(execution, attempt), text)
}

/** Counts and logs an attempt that failed. Refusals for lack of room are counted apart. */
export function recordFailure(
  services: ChatServices,
  execution: ChatExecution,
  attempt: Attempt,
  error: ExecutionError
): void {
  const { mode, latencyMs } = attempt
  const code: ExecutionErrorCode = error.code
  if (code === 'RUNTIME_OVERLOADED') services.metrics.shed('runtime_overloaded')
  else {
    services.metrics.executionFinished(mode, { ok: false, code, latencyMs, traceId: keptTrace(services, execution) })
    services.recent.failed(mode, code)
  }

  const fields = {
    ...fieldsOf(execution, attempt),
    code,
    origin: error.origin,
    detail: quotable(error.message),
    ...causeOf(error)
  }
  if (mode === 'direct_llm') {
    services.log.warn(fields, LOG.directFailed(code))
    return
  }
  services.log.warn(fields, LOG.attemptFailed(code))
  services.log.warn(fields, LOG.chatFailed(code))
}

/** Counts an attempt that its caller called off. */
export function recordCancel(services: ChatServices, execution: ChatExecution, attempt: Attempt): void {
  services.metrics.executionCancelled(attempt.mode)
  services.recent.cancelled(attempt.mode)
  services.log.info(fieldsOf(execution, attempt), LOG.executionCancelled)
}

/** Notes an attempt that goes on without this process; whoever adopts the execution tells how it ends. */
export function recordLeft(services: ChatServices, execution: ChatExecution, attempt: Attempt): void {
  services.recent.cancelled(attempt.mode)
  services.log.info(fieldsOf(execution, attempt), LOG.executionLeft)
}

/** The stack of an error that nobody expected; the others say it all by their code. */
function causeOf(error: ExecutionError): { cause?: string } {
  const { cause } = error
  if (!(cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError)) return {}
  return { cause: quotable(cause.stack ?? cause.message) }
}

/** The runbook splits lines at `错误:`, so no other text of the line may contain it. */
function quotable(text: string): string {
  return text.replaceAll('错误:', '错误 ')
}

/** The trace that an exemplar may name: one that the collector gets. */
function keptTrace({ tracing }: ChatServices, { traceparent }: ChatExecution): string | undefined {
  return tracing.enabled && isSampled(traceparent) ? traceIdOf(traceparent) : undefined
}

function fieldsOf(execution: ChatExecution, attempt: Attempt) {
  return {
    traceId: traceIdOf(execution.traceparent),
    requestId: execution.requestId,
    executionId: execution.executionId,
    sessionId: execution.sessionId,
    orgId: execution.orgId,
    agent: execution.agent.slug,
    mode: attempt.mode,
    attempt: attempt.number,
    latencyMs: Math.round(attempt.latencyMs)
  }
}
