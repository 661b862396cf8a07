import type { FallbackBreaker } from '@semibot/breaker'
import type { ChatExecution, ExecutionOutcome } from './chat-executor.ts'
import { callRuntime, type RuntimeCallOptions } from './runtime-call.ts'

export interface ResumeAdoptedOptions extends RuntimeCallOptions {
  breaker: Pick<FallbackBreaker, 'pickForAdmitted'>
}

const NEVER_CONGESTED = { congested: false, onDrained: (callback: () => void) => callback() }

/**
 * Has an instance go on with a run whose api process is gone. Nobody reads its events: its end is found in the journal.
 * Past the breaker's count for the same reason: what nobody reads is no evidence. And so not while only trials may call.
 *
 * @returns undefined when no instance may be called at this moment
 * @throws as `callRuntime`
 */
export async function resumeAdopted(
  { breaker, ...options }: ResumeAdoptedOptions,
  execution: ChatExecution,
  { signal, remainingMs }: { signal: AbortSignal; remainingMs: number }
): Promise<ExecutionOutcome | undefined> {
  const instance = breaker.pickForAdmitted(execution.sessionId)
  if (instance === null) return undefined
  const startedAt = performance.now()
  const reading = { emit: () => {}, accepted: () => {}, flow: NEVER_CONGESTED, wholeAnswer: false }
  return callRuntime(options, instance, execution, { ...reading, signal, attempt: 1, startedAt, remainingMs }, true)
}
