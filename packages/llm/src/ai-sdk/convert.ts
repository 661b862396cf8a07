import {
  APICallError,
  type LanguageModelV4CallOptions,
  type LanguageModelV4Prompt,
  type LanguageModelV4Usage
} from '@ai-sdk/provider'
import type { FinishReason, Usage } from '@semibot/chat-protocol'
import { retryAfterMs } from '@semibot/chat-protocol/event-stream'
import { errorOfAnswer } from '../error-of-answer.ts'
import { nameOf } from '../error-of-transport.ts'
import { LlmError } from '../llm-error.ts'
import { parseProviderError, showable } from '../provider-text.ts'
import type { LlmMessage, LlmRequest } from '../types.ts'
import { readUsage } from '../usage.ts'

type PromptMessage = LanguageModelV4Prompt[number]

function promptMessage({ role, content }: LlmMessage): PromptMessage {
  if (role === 'system') return { role, content }
  return { role, content: [{ type: 'text', text: content }] }
}

function endUserOptions(endUser: string) {
  const user = { user: endUser }
  return { openai: user, openaiCompatible: user, anthropic: { metadata: { userId: endUser } } }
}

/** A request as the AI SDK's model objects take it. A text to be continued is the last message, from the assistant. */
export function callOptionsOf(request: LlmRequest): LanguageModelV4CallOptions {
  const { messages, temperature, maxTokens, continueFrom, endUser } = request
  const prompt = messages.map(promptMessage)
  if (continueFrom !== undefined && continueFrom !== '') {
    prompt.push(promptMessage({ role: 'assistant', content: continueFrom }))
  }
  return {
    prompt,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(endUser === undefined ? {} : { providerOptions: endUserOptions(endUser) })
  }
}

/** The AI SDK's finish reason; undefined for the two that mean that the answer is not whole. */
export function finishReasonOf(unified: string): FinishReason | undefined {
  switch (unified) {
    case 'stop':
    case 'length':
      return unified
    case 'content-filter':
      return 'content_filter'
    case 'tool-calls':
      return 'tool_calls'
    case 'error':
    case 'interrupted':
      return undefined
    default:
      return 'other'
  }
}

/** The AI SDK's token counts; undefined when the provider sent none, or none that make sense. */
export function usageOf(usage: LanguageModelV4Usage): Usage | undefined {
  const { total: input, cacheRead } = usage.inputTokens
  const { total: output, reasoning } = usage.outputTokens
  return readUsage(input, output, { cachedInputTokens: cacheRead, reasoningTokens: reasoning })
}

/** The first of an error and its causes that is such a one. */
function within<T extends Error>(error: unknown, isSuch: (cause: Error) => cause is T): T | undefined {
  for (let depth = 0, cause = error; depth < 5 && cause instanceof Error; depth++, cause = cause.cause) {
    if (isSuch(cause)) return cause
  }
  return undefined
}

/** An error of ours that the AI SDK has wrapped. */
const isOwn = (cause: Error): cause is LlmError => cause instanceof LlmError

/** An error of the system or of undici; the AI SDK's own have no code. */
const isOfSystem = (cause: Error): cause is NodeJS.ErrnoException =>
  typeof (cause as NodeJS.ErrnoException).code === 'string'

/** What an error of the AI SDK means to the one who asked. */
export function errorOfAiSdk(error: unknown, apiKey: string | undefined): LlmError {
  const own = within(error, isOwn)
  if (own !== undefined) return own
  const isApiCall = APICallError.isInstance(error)
  if (isApiCall && error.statusCode !== undefined && error.statusCode !== 200) {
    const { statusCode, responseHeaders, responseBody } = error
    const said = parseProviderError(responseBody)
    return errorOfAnswer(
      { status: statusCode, retryAfterMs: retryAfterMs(responseHeaders ?? {}), error: said, cause: error },
      apiKey
    )
  }
  const unavailable = (message: string) => new LlmError('LLM_UNAVAILABLE', message, { cause: error })
  // What these say themselves has the address of the model server in it.
  const ofSystem = within(error, isOfSystem)
  if (isApiCall && error.statusCode === undefined) {
    return unavailable(`The model provider cannot be reached${nameOf(ofSystem)}.`)
  }
  if (ofSystem !== undefined) return unavailable(`The connection to the model provider broke${nameOf(ofSystem)}.`)
  const said = showable(error instanceof Error ? error.message : '', apiKey)
  const message = 'The model provider is not available'
  return unavailable(said === '' ? `${message}.` : `${message}: ${said}`)
}
