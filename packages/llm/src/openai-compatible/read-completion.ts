import type { FinishReason, Usage } from '@semibot/chat-protocol'
import { errorInAnswer } from '../error-of-answer.ts'
import { LlmError } from '../llm-error.ts'
import { readProviderError } from '../provider-text.ts'
import { readOpenAiUsage } from '../usage.ts'
import { finishReasonOf, textOf } from './wire-values.ts'

interface Completion {
  text: string
  finishReason: FinishReason
  usage: Usage | undefined
}

/** Reads the JSON of a whole completion. @throws LlmError when it is none */
export function readCompletion(body: string, apiKey: string | undefined): Completion {
  const unreadable = (what: string) => new LlmError('LLM_UNAVAILABLE', `The model provider sent ${what}.`)
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw unreadable('an answer that is not JSON')
  }
  if (typeof value !== 'object' || value === null) throw unreadable('an answer that is no JSON object')
  const { choices, usage, error } = value as Record<string, unknown>
  if (error !== undefined && error !== null) {
    throw errorInAnswer(readProviderError(value) ?? { message: '', code: '', type: '' }, apiKey)
  }
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  if (typeof choice !== 'object' || choice === null) throw unreadable('an answer without a choice')
  const { message, finish_reason: reason } = choice as Record<string, unknown>
  if (typeof reason !== 'string') throw unreadable('an answer without a finish reason')
  const { content, refusal } = (typeof message === 'object' && message !== null ? message : {}) as Record<
    string,
    unknown
  >
  return {
    text: textOf(content) || textOf(refusal),
    finishReason: finishReasonOf(reason),
    usage: readOpenAiUsage(usage)
  }
}
