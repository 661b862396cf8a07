import type { ChatEventBody } from '@semibot/chat-protocol'
import { LlmError, type LlmMessage, type LlmProvider, type LlmRequest } from '@semibot/llm'
import type { ChatExecution, ChatExecutor, ExecutionContext, ExecutionOutcome } from './chat-executor.ts'
import { ExecutionError } from './chat-executor.ts'

/** Runs a chat by calling the model. Tools of the agent are not available in this mode. */
export function createDirectLlmAdapter(provider: LlmProvider): ChatExecutor {
  return {
    mode: 'direct_llm',
    async execute(execution, context) {
      context.accepted()
      context.emit({ type: 'message.started', messageId: execution.messageId })
      try {
        return await answer(provider, execution, context)
      } catch (error) {
        if (error instanceof LlmError) {
          throw new ExecutionError(error.code, 'llm', error.message, { cause: error, retryAfterMs: error.retryAfterMs })
        }
        throw error
      }
    }
  }
}

async function answer(
  provider: LlmProvider,
  execution: ChatExecution,
  context: ExecutionContext
): Promise<ExecutionOutcome> {
  const { messageId } = execution
  const request = toLlmRequest(execution, context)
  const options = { signal: context.signal, flow: context.flow, headers: { traceparent: execution.traceparent } }
  const delta = (text: string): ChatEventBody => ({ type: 'message.delta', messageId, delta: text })

  let content = context.continueFrom ?? ''
  if (context.wholeAnswer && context.continueFrom === undefined) {
    const result = await provider.complete(request, options)
    content = result.text
    if (content !== '') context.emit(delta(content))
    context.emit({ type: 'message.completed', messageId, content, finishReason: result.finishReason })
    return { finishReason: result.finishReason, usage: result.usage }
  }

  const result = await provider.stream(
    request,
    {
      onText(text) {
        content += text
        context.emit(delta(text))
      },
      onReasoning(text) {
        context.emit({ type: 'reasoning.delta', messageId, delta: text })
      }
    },
    options
  )
  context.emit({ type: 'message.completed', messageId, content, finishReason: result.finishReason })
  return { finishReason: result.finishReason, usage: result.usage }
}

function toLlmRequest(execution: ChatExecution, context: ExecutionContext): LlmRequest {
  const { agent } = execution
  const { note, continueFrom } = context
  const messages: LlmMessage[] = []
  if (agent.systemPrompt !== '') messages.push({ role: 'system', content: agent.systemPrompt })
  for (const turn of execution.history) messages.push({ role: turn.role, content: turn.content })
  if (note !== undefined) messages.push({ role: 'system', content: note })
  messages.push({ role: 'user', content: execution.message })
  return {
    model: agent.model,
    messages,
    ...(agent.temperature === undefined ? {} : { temperature: agent.temperature }),
    ...(agent.maxTokens === undefined ? {} : { maxTokens: agent.maxTokens }),
    ...(continueFrom === undefined ? {} : { continueFrom })
  }
}
