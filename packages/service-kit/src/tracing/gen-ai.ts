import type { SpanAttributes } from './tracing.ts'

/**
 * Names of the OpenTelemetry conventions for generative AI, in one place since they are still in development:
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and .../gen-ai-agent-spans/
 * Messages, instructions, tool arguments and results are left out on purpose: they are what people wrote.
 */
const OPERATION = 'gen_ai.operation.name'

export interface ModelCall {
  /** Wire format or vendor, such as openai or anthropic. */
  provider: string
  model: string
}

export interface ModelUsage {
  inputTokens: number
  outputTokens: number
}

/** A model call: the span is named `chat <model>`. */
export function modelCallAttributes({ provider, model }: ModelCall): SpanAttributes {
  return { [OPERATION]: 'chat', 'gen_ai.provider.name': provider, 'gen_ai.request.model': model }
}

/** What came of a model call. */
export function modelResultAttributes(usage: ModelUsage, finishReason: string): SpanAttributes {
  return {
    'gen_ai.usage.input_tokens': usage.inputTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.response.finish_reasons': [finishReason]
  }
}

export interface AgentCall {
  agentId: string
  agentName: string
  sessionId: string
  executionId: string
  model: string
}

/** One run of an agent: the span is named `invoke_agent <agent>`. */
export function agentCallAttributes(call: AgentCall): SpanAttributes {
  return {
    [OPERATION]: 'invoke_agent',
    'gen_ai.agent.id': call.agentId,
    'gen_ai.agent.name': call.agentName,
    'gen_ai.conversation.id': call.sessionId,
    'gen_ai.request.model': call.model,
    'semibot.execution.id': call.executionId
  }
}

/** A tool call: the span is named `execute_tool <tool>`. */
export function toolCallAttributes(call: { id: string; name: string; effect: string }): SpanAttributes {
  return {
    [OPERATION]: 'execute_tool',
    'gen_ai.tool.name': call.name,
    'gen_ai.tool.call.id': call.id,
    'gen_ai.tool.type': 'function',
    'semibot.tool.effect': call.effect
  }
}

/** A statement on the database: the span is named by the operation. https://opentelemetry.io/docs/specs/semconv/database/ */
export function databaseAttributes(operation: string): SpanAttributes {
  return { 'db.system.name': 'postgresql', 'db.operation.name': operation }
}
