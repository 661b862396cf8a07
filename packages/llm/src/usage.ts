import type { Usage } from '@semibot/chat-protocol'
import type { LlmRequest } from './types.ts'

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Puts token counts together; a missing total is the sum. */
export function makeUsage(
  inputTokens: number,
  outputTokens: number,
  details: { totalTokens?: unknown; cachedInputTokens?: unknown; reasoningTokens?: unknown } = {}
): Usage {
  const cached = count(details.cachedInputTokens)
  const reasoning = count(details.reasoningTokens)
  return {
    inputTokens,
    outputTokens,
    totalTokens: count(details.totalTokens) ?? inputTokens + outputTokens,
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning })
  }
}

/** Token counts as OpenAI sends them; undefined when they are not there or make no sense. */
export function readOpenAiUsage(value: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const usage = value as Record<string, unknown>
  const input = count(usage.prompt_tokens)
  const output = count(usage.completion_tokens)
  if (input === undefined || output === undefined) return undefined
  return makeUsage(input, output, {
    totalTokens: usage.total_tokens,
    cachedInputTokens: (usage.prompt_tokens_details as { cached_tokens?: unknown } | null | undefined)?.cached_tokens,
    reasoningTokens: (usage.completion_tokens_details as { reasoning_tokens?: unknown } | null | undefined)
      ?.reasoning_tokens
  })
}

/**
 * A guess for servers that count nothing: four bytes of text are about one token, four more tokens for each
 * message, and no piece of an answer is less than a token.
 */
export function estimateUsage(request: LlmRequest, pieces: number, characters: number): Usage {
  let input = 0
  for (const message of request.messages) input += 4 + Math.ceil(Buffer.byteLength(message.content) / 4)
  if (request.continueFrom !== undefined) input += Math.ceil(Buffer.byteLength(request.continueFrom) / 4)
  return makeUsage(input, Math.max(pieces, Math.ceil(characters / 4)))
}
