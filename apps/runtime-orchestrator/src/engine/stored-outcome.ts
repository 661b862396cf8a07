import type { ErrorOrigin, ExecutionErrorCode, FinishReason, Usage } from '@semibot/chat-protocol'
import type { RunContext } from '../agent/run-context.ts'
import type { Outcome } from './run-execution.ts'

/** How a run ended, as it is kept for whoever missed it. */
export interface StoredOutcome {
  content: string
  finishReason?: FinishReason
  usage?: Usage
  error?: { code: ExecutionErrorCode; message: string; origin: ErrorOrigin }
}

export function toStored(outcome: Outcome, { answer, budget }: Pick<RunContext, 'answer' | 'budget'>): StoredOutcome {
  const stored = { content: answer.text, usage: budget.usage }
  if (outcome.status === 'completed') return { ...stored, finishReason: outcome.finishReason }
  if (outcome.status !== 'failed') return stored
  const { code, message, origin = 'runtime' } = outcome.error
  // What fails an execution is always told by a code of executions.
  return { ...stored, error: { code: code as ExecutionErrorCode, message, origin } }
}
