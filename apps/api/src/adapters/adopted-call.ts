import type { FallbackBreaker } from '@semibot/breaker'
import type { ChatExecution, ExecutionContext, ExecutionOutcome } from './chat-executor.ts'
import { callRuntime, type RuntimeCallOptions } from './runtime-call.ts'

export interface AdoptedCallOptions extends RuntimeCallOptions {
  breaker: Pick<FallbackBreaker, 'pickForAdmitted'>
}

/** Takes what a runtime tells of an adopted run. */
export type AdoptedReader = Pick<ExecutionContext, 'emit' | 'accepted' | 'rewind' | 'flow'>

export interface AdoptedCall {
  signal: AbortSignal
  remainingMs: number
  /** Without one nobody hears it. */
  reader?: AdoptedReader | undefined
}

const NOBODY: AdoptedReader = {
  emit: () => {},
  accepted: () => {},
  flow: { congested: false, onDrained: (callback) => callback() }
}

/**
 * Has an instance go on with a run whose api process is gone. Its end is found in the journal. Past the breaker's
 * count: what nobody waits for is no evidence. And so not while only trials may call.
 *
 * @returns undefined when no instance may be called at this moment
 * @throws as `callRuntime`
 */
export async function resumeAdopted(
  options: AdoptedCallOptions,
  execution: ChatExecution,
  call: AdoptedCall
): Promise<ExecutionOutcome | undefined> {
  const instance = options.breaker.pickForAdmitted(execution.sessionId)
  return instance === null ? undefined : joinAdopted(options, instance, execution, call)
}

/** Has this instance go on with the run, or tell from where it stands, when it has it already. @throws as `callRuntime` */
export function joinAdopted(
  options: RuntimeCallOptions,
  instance: string,
  execution: ChatExecution,
  { signal, remainingMs, reader = NOBODY }: AdoptedCall
): Promise<ExecutionOutcome> {
  const context = { ...reader, signal, remainingMs, attempt: 1, startedAt: performance.now(), wholeAnswer: false }
  return callRuntime(options, instance, execution, context, true)
}
