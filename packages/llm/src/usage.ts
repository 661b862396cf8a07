import type { Usage } from '@semibot/chat-protocol'
import type { LlmRequest } from './types.ts'

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Counts that may be left out, or make no sense: then they are left out here. */
interface UsageDetails {
  totalTokens?: unknown
  cachedInputTokens?: unknown
  reasoningTokens?: unknown
}

/** Token counts as a server sent them, checked; undefined when they are not there or make no sense. */
export function readUsage(inputTokens: unknown, outputTokens: unknown, details: UsageDetails = {}): Usage | undefined {
  const input = count(inputTokens)
  const output = count(outputTokens)
  return input === undefined || output === undefined ? undefined : makeUsage(input, output, details)
}

/** Puts token counts together; a missing total is the sum. */
function makeUsage(inputTokens: number, outputTokens: number, details: UsageDetails = {}): Usage {
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
  return readUsage(usage.prompt_tokens, usage.completion_tokens, {
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
