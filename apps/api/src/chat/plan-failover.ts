import type { ErrorOrigin, ExecutionErrorCode } from '@semibot/chat-protocol'

/** What is known when an attempt has failed. */
export interface FailoverQuestion {
  failedMode: 'direct_llm' | 'runtime_orchestrator'
  origin: ErrorOrigin
  code: ExecutionErrorCode
  /** The agent has tools, which direct_llm does not offer. */
  agentHasTools: boolean
  /** Attempts made so far, the failed one included. */
  attempts: number
  /** The client has been sent text of this answer. */
  textVisible: boolean
  /** What the client's protocol can do. */
  canRetract: boolean
  /** What the model can do: continue an answer from its beginning. */
  continuation: 'none' | 'prefix'
  /** Milliseconds until the chat's deadline. */
  remainingMs: number
  /** A second model call is within the budget for extra ones. Asked last, since asking takes from it. */
  takeBudget: () => boolean
}

/**
 * What to do next:
 * - `replace`: nothing of the first attempt is visible; answer by direct_llm
 * - `continue`: direct_llm continues the visible text from its last character
 * - `retract`: the visible text is taken back, direct_llm answers anew
 * - `fail`: an honest end; `why` says which rule ended it
 */
export type FailoverPlan = { action: 'replace' | 'continue' | 'retract' } | { action: 'fail'; why: string }

/** Less time than this is not enough for another answer. */
export const MIN_REMAINING_MS = 2000

/** One primary attempt and one failover, never more. */
const MAX_ATTEMPTS = 2

/**
 * The rules of failing over, for before and after the first visible text. Asked in this order:
 * direct_llm has no second engine behind it; a fault that both modes share (the model provider's, the
 * caller's own, a limit) would only be met again; then attempts, time, room and budget bound what is left. Tools need no rule:
 * direct_llm runs none, so nothing is ever done twice.
 */
export function planFailover(question: FailoverQuestion): FailoverPlan {
  if (question.failedMode === 'direct_llm') return { action: 'fail', why: 'direct_llm has no fallback' }
  if (question.origin === 'client') return { action: 'fail', why: 'the request itself was refused' }
  if (question.origin === 'llm') return { action: 'fail', why: 'both modes use the same model provider' }
  if (question.code === 'LIMIT_EXCEEDED') return { action: 'fail', why: 'a limit of the execution was reached' }
  if (question.code === 'DEADLINE_EXCEEDED') return { action: 'fail', why: 'the deadline has passed' }
  if (question.attempts >= MAX_ATTEMPTS) return { action: 'fail', why: 'the one failover was used' }
  if (question.remainingMs < MIN_REMAINING_MS) return { action: 'fail', why: 'too little time is left' }
  if (question.code === 'RUNTIME_OVERLOADED' && question.agentHasTools) {
    return { action: 'fail', why: 'the runtime is full and the agent needs its tools' }
  }
  const action = actionOf(question)
  if (action === undefined) return { action: 'fail', why: 'text was sent that this protocol cannot take back' }
  if (!question.takeBudget()) return { action: 'fail', why: 'the budget for extra model calls is used up' }
  return { action }
}

function actionOf(question: FailoverQuestion): 'replace' | 'continue' | 'retract' | undefined {
  if (!question.textVisible) return 'replace'
  if (question.continuation === 'prefix') return 'continue'
  return question.canRetract ? 'retract' : undefined
}
