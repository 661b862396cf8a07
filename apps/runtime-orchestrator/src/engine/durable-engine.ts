import type { CancelReason, ExecuteRequest } from '@semibot/chat-protocol'
import { DurableRun, type DurableRunOptions } from './durable-run.ts'
import type { ExecutionEvents } from './event-log.ts'
import type { Execution, ExecutionCall, ExecutionEngine, ExecutionReport } from './execution-engine.ts'
import { InlineEngine } from './inline-engine.ts'
import type { InlineEngineOptions } from './inline-execution.ts'

export interface DurableEngineOptions extends InlineEngineOptions, Omit<DurableRunOptions, 'resumed' | 'closing'> {}

/** How long the runs of a process that ends may take to be given up. */
const GIVE_UP_MS = 2_000

/**
 * Runs executions in this process and writes those of agents with tools down as soon as they call one, so that
 * another process can take them up. What agents without tools say is never written.
 */
export class DurableEngine implements ExecutionEngine {
  readonly #options: DurableEngineOptions
  readonly #inline: InlineEngine
  readonly #closing = new AbortController()
  readonly #runs = new Map<Execution, { executionId: string; run: DurableRun }>()

  constructor(options: DurableEngineOptions) {
    this.#options = options
    this.#inline = new InlineEngine(options)
    options.lease.begin()
  }

  find(request: ExecuteRequest, attempt: number): Execution | undefined {
    return this.#inline.find(request, attempt)
  }

  start(request: ExecuteRequest, call: ExecutionCall): Execution {
    return this.#start(request, call, false)
  }

  resume(request: ExecuteRequest, call: ExecutionCall): Execution {
    return this.#start(request, call, true)
  }

  cancel(executionId: string, reason: CancelReason): Promise<boolean> {
    return this.#inline.cancel(executionId, reason)
  }

  interrupt(executionId: string, reason: string): void {
    this.#inline.interrupt(executionId, reason)
  }

  status(executionId: string): ExecutionReport | undefined {
    return this.#inline.status(executionId)
  }

  stream(executionId: string): ExecutionEvents | undefined {
    return this.#inline.stream(executionId)
  }

  /** The event log has dropped this execution. */
  forget(executionId: string): void {
    this.#inline.forget(executionId)
  }

  /** This process will end: its durable runs are given up one by one, each between two of its steps. */
  handOver(): void {
    for (const { run } of this.#runs.values()) run.handOver()
  }

  /** Gives up what still runs, and says that this process has no runs any more. */
  async close(): Promise<void> {
    const left = [...this.#runs]
    for (const [, { executionId }] of left) this.interrupt(executionId, 'shutdown')
    const ended = Promise.all(left.map(([execution]) => execution.ended))
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, GIVE_UP_MS).unref())])
    this.#closing.abort()
    const { lease, journal, instance } = this.#options
    lease.close()
    await journal.endLease(instance).catch(() => undefined)
  }

  #start(request: ExecuteRequest, call: ExecutionCall, resumed: boolean): Execution {
    // Without tools there is nothing to write down, and to resume is to begin anew.
    if (request.agent.tools.length === 0) return this.#inline.start(request, call)
    const run = new DurableRun({ ...this.#options, resumed, closing: this.#closing.signal })
    const execution = this.#inline.start(request, call, run)
    this.#runs.set(execution, { executionId: request.executionId, run })
    void execution.ended.then(() => this.#runs.delete(execution))
    return execution
  }
}
