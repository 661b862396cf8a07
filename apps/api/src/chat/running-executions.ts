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

/** One that is being accepted. Whoever sees its row may cancel it, before this process knows that the row is there. */
export interface ExpectedExecution {
  readonly events: undefined
  cancel(reason: CancelReason): void
}

/** The executions of this process, so that they can be cancelled, saved and waited for. */
export class RunningExecutions {
  readonly #running = new SlotMap<RunningExecution>()
  /** Those that are being accepted, with the reason for which they are cancelled already. */
  readonly #expected = new Map<string, CancelReason | undefined>()

  get size(): number {
    return this.#running.size
  }

  /** It is about to be stored and will run here; until it begins, or is dismissed, a cancel is kept for it. */
  expect(executionId: string): void {
    this.#expected.set(executionId, undefined)
  }

  /** It begins, or never will. Returns the reason for which it was cancelled already. */
  dismiss(executionId: string): CancelReason | undefined {
    const reason = this.#expected.get(executionId)
    this.#expected.delete(executionId)
    return reason
  }

  add(execution: RunningExecution): void {
    const { executionId } = execution.events
    this.#running.set(executionId, execution)
    void execution.done.then(() => this.#running.delete(executionId))
  }

  get(executionId: string): RunningExecution | ExpectedExecution | undefined {
    const running = this.#running.get(executionId)
    if (running !== undefined || !this.#expected.has(executionId)) return running
    return { events: undefined, cancel: (reason) => this.#cancelExpected(executionId, reason) }
  }

  all(): RunningExecution[] {
    return [...this.#running.values()]
  }

  #cancelExpected(executionId: string, reason: CancelReason): void {
    if (this.#expected.has(executionId)) this.#expected.set(executionId, reason)
    else this.#running.get(executionId)?.cancel(reason)
  }
}
