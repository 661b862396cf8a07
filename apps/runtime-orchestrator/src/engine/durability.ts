import type { ChatEventBody, FinishReason } from '@semibot/chat-protocol'
import type { RunContext } from '../agent/run-context.ts'
import type { RunStep } from '../agent/step.ts'
import type { Outcome } from './run-execution.ts'
import type { Stop, StopCause } from './stop.ts'

/** The work of one execution, whose steps are run by `runStep`. */
export type StepRunner = (run: RunContext, runStep: RunStep) => Promise<FinishReason>

/** What the durability of an execution may do to it. */
export interface ExecutionHandle {
  /**
   * Writes the first event of an execution that begins late. `text` is what its answer begins with: the reader's text
   * has to be made equal to it.
   */
  begin(text: string): void
  /** Stops the execution; returns what its signal then fires with, or has fired with before. */
  stop(cause: StopCause): Stop
  /** Milliseconds until its deadline. */
  remainingMs(): number
}

/** What makes one execution outlive its process. An execution without any is lost with it. */
export interface Durability {
  /** The first event is written when it is known where the run stands, not at once. */
  readonly beginsLate: boolean
  /** The run is written down: it goes on when nobody waits for it. */
  readonly isDurable: boolean
  /** Whether this event is kept back, because the reader may know it already. */
  holdsBack(event: ChatEventBody): boolean
  run(run: RunContext, handle: ExecutionHandle, work: StepRunner): Promise<FinishReason>
  /** Writes the end down, before it is told. False: the run is no longer this process's, and the end is not its to tell. */
  settle(outcome: Outcome): Promise<boolean>
}
