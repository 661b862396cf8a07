import type { ChatMode, Usage } from '@semibot/chat-protocol'
import {
  agentCallAttributes,
  databaseAttributes,
  modelCallAttributes,
  modelResultAttributes,
  type Span,
  type SpanOptions
} from '@semibot/service-kit'
import type { ChatExecution, ExecutionOutcome } from '../adapters/chat-executor.ts'
import type { ChatServices } from './chat-services.ts'
import type { ModeDecision } from './decide-mode.ts'

type SpanServices = Pick<ChatServices, 'tracing' | 'llmProvider'>

/** The span of a chat from its acceptance to its stored end; all of its attempts are under it. */
export function startExecutionSpan({ tracing }: SpanServices, execution: ChatExecution, decision: ModeDecision): Span {
  return tracing.start('execute_chat', execution.traceparent, {
    attributes: {
      ...agentCallAttributes(agentCallOf(execution)),
      'semibot.request.id': execution.requestId,
      'semibot.org.id': execution.orgId,
      'semibot.mode': decision.mode,
      'semibot.fallback.reason': decision.fallbackReason
    }
  })
}

/** The span of one attempt: a call of the runtime, or of the model. */
export function startAttemptSpan(
  { tracing, llmProvider }: SpanServices,
  execution: ChatExecution,
  parent: Span,
  attempt: { mode: ChatMode; number: number }
): Span {
  const { model, slug } = execution.agent
  const inRuntime = attempt.mode === 'runtime_orchestrator'
  const call = inRuntime
    ? agentCallAttributes(agentCallOf(execution))
    : modelCallAttributes({ provider: llmProvider, model })
  return tracing.start(inRuntime ? `invoke_agent ${slug}` : `chat ${model}`, parent.traceparent, {
    kind: 'client',
    attributes: { ...call, 'semibot.mode': attempt.mode, 'semibot.attempt': attempt.number }
  })
}

/** Ends the span of an attempt that gave an answer. */
export function endAttemptSpan(span: Span, { usage, finishReason }: ExecutionOutcome): void {
  span.set(modelResultAttributes(usage, finishReason))
  span.end()
}

/** How a chat ended, for its span. */
export function describeEnd(
  span: Span,
  end: { mode: ChatMode; attempts: number; status: string; usage?: Usage | undefined; code?: string | undefined }
): void {
  span.set({
    'semibot.mode': end.mode,
    'semibot.attempts': end.attempts,
    'semibot.execution.status': end.status,
    'gen_ai.usage.input_tokens': end.usage?.inputTokens,
    'gen_ai.usage.output_tokens': end.usage?.outputTokens
  })
  if (end.code !== undefined) span.fail(end.code)
}

/** Options of the span of a statement. */
export function databaseSpan(operation: string): SpanOptions {
  return { kind: 'client', attributes: databaseAttributes(operation) }
}

function agentCallOf({ agent, sessionId, executionId }: ChatExecution) {
  return { agentId: agent.id, agentName: agent.slug, model: agent.model, sessionId, executionId }
}
