import type { CancelReason, ExecuteRequest } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { Durability } from './durability.ts'
import type { ExecutionEvents } from './event-log.ts'
import type { Execution, ExecutionCall, ExecutionEngine, ExecutionReport } from './execution-engine.ts'
import { fingerprintOf, type InlineEngineOptions, InlineExecution } from './inline-execution.ts'

/** Runs executions in this process: nothing is written down, and an execution that nobody waits for is cancelled. */
export class InlineEngine implements ExecutionEngine {
  readonly #options: InlineEngineOptions
  readonly #executions = new Map<string, InlineExecution>()

  constructor(options: InlineEngineOptions) {
    this.#options = options
  }

  find(request: ExecuteRequest, attempt: number): Execution | undefined {
    const known = this.#executions.get(request.executionId)
    // A later attempt is a new run: the caller has given the earlier one up.
    if (known === undefined || known.attempt < attempt || known.abandoned) return undefined
    if (known.fingerprint !== fingerprintOf(request))
      throw new RequestError('IDEMPOTENCY_MISMATCH', `Execution ${request.executionId} was begun with another body.`)
    return known
  }

  /** `durability` is there for an engine that keeps runs beyond this process. */
  start(request: ExecuteRequest, call: ExecutionCall, durability?: Durability): Execution {
    this.#executions.get(request.executionId)?.stop({ kind: 'cancelled', reason: 'disconnect' })
    const execution = new InlineExecution(request, call, this.#options, durability)
    this.#executions.set(request.executionId, execution)
    return execution
  }

  /** Nothing is kept outside of the process that runs: what it began elsewhere begins anew. */
  resume(request: ExecuteRequest, call: ExecutionCall): Execution {
    return this.start(request, call)
  }

  async cancel(executionId: string, reason: CancelReason): Promise<boolean> {
    const execution = this.#executions.get(executionId)
    if (execution === undefined) return false
    execution.stop({ kind: 'cancelled', reason })
    await execution.ended
    return true
  }

  interrupt(executionId: string, reason: string): void {
    this.#executions.get(executionId)?.stop({ kind: 'interrupted', reason })
  }

  status(executionId: string): ExecutionReport | undefined {
    return this.#executions.get(executionId)?.report()
  }

  stream(executionId: string): ExecutionEvents | undefined {
    return this.#executions.get(executionId)?.events
  }

  /** The event log has dropped this execution: nothing of it is kept any more. */
  forget(executionId: string): void {
    this.#executions.delete(executionId)
  }
}
