import type { FinishReason, Usage } from '@semibot/chat-protocol'
import { LlmError } from '@semibot/llm'
import type { StepBudget } from './step-budget.ts'

/**
 * An answer may be cut down to nothing, but no model means to say nothing.
 * @throws LlmError LLM_UNAVAILABLE for an answer without a word, which is paid for all the same
 */
export function refuseEmptyAnswer(
  { text, finishReason, usage }: { text: string; finishReason: FinishReason; usage: Usage },
  budget: StepBudget
): void {
  if (text !== '' || finishReason === 'length' || finishReason === 'content_filter') return
  budget.addUsage(usage)
  throw new LlmError('LLM_UNAVAILABLE', 'The model answered with nothing.')
}
