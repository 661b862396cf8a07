import { type CancelReason, SlotMap } from '@semibot/chat-protocol'
import type { ExecutionEvents } from './event-log.ts'

/** One execution that runs in this process. */
export interface RunningExecution {
  readonly events: ExecutionEvents
  readonly startedAt: number
  /** The answer so far, for saving now and then. */
  partialText(): string
  cancel(reason: CancelReason): void
  /** Ends the work of this process on it, and leaves the execution running. */
  leave(): void
  /** Resolves when the result is stored and the terminal event is out, or the execution was left. Never rejects. */
  readonly done: Promise<void>
}

/** The executions of this process, so that they can be cancelled, saved and waited for. */
export class RunningExecutions {
  readonly #running = new SlotMap<RunningExecution>()

  get size(): number {
    return this.#running.size
  }

  add(execution: RunningExecution): void {
    const { executionId } = execution.events
    this.#running.set(executionId, execution)
    void execution.done.then(() => this.#running.delete(executionId))
  }

  get(executionId: string): RunningExecution | undefined {
    return this.#running.get(executionId)
  }

  all(): RunningExecution[] {
    return [...this.#running.values()]
  }
}
