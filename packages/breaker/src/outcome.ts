import type { ErrorOrigin, ExecutionErrorCode } from '@semibot/chat-protocol'
import type { OutcomeClass } from './types.ts'

/** What each code says when the runtime is at fault. */
const RUNTIME_FAULTS: Record<ExecutionErrorCode, OutcomeClass> = {
  RUNTIME_UNAVAILABLE: 'hard_error',
  RUNTIME_STALLED: 'hard_error',
  RUNTIME_TIMEOUT: 'timeout',
  DEADLINE_EXCEEDED: 'timeout',
  RUNTIME_PROTOCOL: 'soft_error',
  RUNTIME_INTERNAL: 'soft_error',
  RUNTIME_DEPENDENCY: 'soft_error',
  // It has no room left: the answer to that is another instance, not another mode.
  RUNTIME_OVERLOADED: 'ignored',
  // Both modes share the model provider, so falling back would not help.
  LLM_RATE_LIMITED: 'ignored',
  LLM_UNAVAILABLE: 'ignored',
  LLM_REJECTED: 'ignored',
  TOOL_FAILED: 'ignored',
  // The limits belong to the caller's agent.
  LIMIT_EXCEEDED: 'ignored'
}

/** The class of a failed execution: only faults of the runtime itself are evidence against it. */
export function classifyFailure(code: ExecutionErrorCode, origin: ErrorOrigin): OutcomeClass {
  return origin === 'runtime' ? RUNTIME_FAULTS[code] : 'ignored'
}

/**
 * The class of whatever a call rejected with. An error with `code` and `origin` of the chat protocol is
 * classified by them; everything else, an abort by the caller for example, says nothing about the runtime.
 */
export function classifyError(error: unknown): OutcomeClass {
  if (typeof error !== 'object' || error === null) return 'ignored'
  const { code, origin } = error as { code?: unknown; origin?: unknown }
  if (origin !== 'runtime' || typeof code !== 'string' || !Object.hasOwn(RUNTIME_FAULTS, code)) return 'ignored'
  return RUNTIME_FAULTS[code as ExecutionErrorCode]
}
