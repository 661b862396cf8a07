import type { LlmRequest } from '../types.ts'

interface WireMessage {
  role: string
  content: string
  prefix?: true
}

/**
 * The body of a chat completions request, as JSON text.
 * A text to be continued is the last message, from the assistant. `prefix` is what DeepSeek and Mistral want to
 * see on it; servers that continue a trailing assistant message anyway do not look at it.
 */
export function requestBody(request: LlmRequest, stream: boolean, includeUsage: boolean): string {
  const { model, temperature, maxTokens, continueFrom, endUser } = request
  const messages: WireMessage[] =
    continueFrom === undefined || continueFrom === ''
      ? request.messages
      : [...request.messages, { role: 'assistant', content: continueFrom, prefix: true }]
  return JSON.stringify({
    model,
    messages,
    stream,
    ...(stream && includeUsage ? { stream_options: { include_usage: true } } : {}),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(endUser === undefined ? {} : { user: endUser })
  })
}
