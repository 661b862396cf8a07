import type { FallbackBreaker, Pass } from '@semibot/breaker'
import type { ChatMode } from '@semibot/chat-protocol'
import { type CutoverRules, chooseMode, type ModeQuestion, type ModeRule } from './choose-mode.ts'

/** Which mode a chat gets, with what it needs to get going. */
export interface ModeDecision {
  mode: ChatMode
  rule: ModeRule
  /** Leave to call the runtime; there whenever the mode is runtime_orchestrator. */
  pass?: Pass
  /** Why the breaker keeps the chat from the runtime that it was meant for. */
  fallbackReason?: Exclude<ReturnType<FallbackBreaker['peek']>, Pass>['reason']
}

export interface ModeServices {
  /** Read for each chat, so that a reload takes effect at once. */
  cutover: () => CutoverRules
  breaker: Pick<FallbackBreaker, 'admit' | 'peek'>
}

/** Chooses the mode of a chat and takes the breaker's leave when it is the runtime. Makes no call. */
export function decideMode({ cutover, breaker }: ModeServices, question: ModeQuestion): ModeDecision {
  const seen = breaker.peek(question.sessionId)
  const choice = chooseMode(cutover(), { refusal: seen.allowed ? null : seen }, question)
  if (choice.mode === 'direct_llm') {
    const { mode, rule, fallback } = choice
    return { mode, rule, ...(fallback && !seen.allowed ? { fallbackReason: seen.reason } : {}) }
  }
  // Trials are few: the permit is taken only by a chat that will use it.
  const admission = breaker.admit(question.sessionId)
  if (admission.allowed) return { mode: choice.mode, rule: choice.rule, pass: admission }
  return { mode: 'direct_llm', rule: admission.rule, fallbackReason: admission.reason }
}
