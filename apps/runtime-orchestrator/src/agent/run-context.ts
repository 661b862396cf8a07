import type { ChatEventBody, ExecuteRequest, FinishReason } from '@semibot/chat-protocol'
import type { FlowControl } from '@semibot/chat-protocol/event-stream'
import type { Answer } from './answer.ts'
import type { StepBudget } from './step-budget.ts'

/** Everything that one execution works with. */
export interface RunContext {
  readonly request: ExecuteRequest
  /** Fires at the deadline, at a cancel, when the caller went away, and at shutdown; its reason is a Stop. */
  readonly signal: AbortSignal
  /** Congested while no reader of the events keeps up. */
  readonly flow: FlowControl
  /** Headers for the model server. `traceparent` is that of the work under way; a trace of the run changes it. */
  readonly headers: Record<string, string> & { traceparent: string }
  readonly budget: StepBudget
  readonly answer: Answer
  emit(event: ChatEventBody): void
  /** Since when (performance.now) a model call has sent nothing at all; undefined when none is waited for. */
  modelSilentSince: number | undefined
}

/** Does the work of one execution and says how its answer ended. Any rejection fails the execution. */
export type Runner = (run: RunContext) => Promise<FinishReason>
