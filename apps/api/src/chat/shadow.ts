import type { FallbackBreaker } from '@semibot/breaker'
import type { ShadowVerdict } from '@semibot/metrics'
import type { ChatExecution, ExecutionContext, ExecutionOutcome } from '../adapters/chat-executor.ts'
import { newId } from '../new-id.ts'
import { SESSION_BUCKETS, sessionBucket } from '../session-bucket.ts'
import type { ModeDecision } from './decide-mode.ts'

export interface ShadowOptions {
  /** CHAT_RUNTIME_SHADOW_PERCENT, read for each chat. */
  percent: () => number
  breaker: Pick<FallbackBreaker, 'peek' | 'pick'>
  /** One call of a runtime instance, past the breaker: a shadow is no evidence. */
  call: (instance: string, execution: ChatExecution, context: ExecutionContext) => Promise<ExecutionOutcome>
  onVerdict: (verdict: ShadowVerdict) => void
  executionTimeoutMs: number
  maxConcurrent: number
}

/**
 * Sends a copy of some direct chats to the runtime, to see how it would do before they are moved over. Only
 * chats of organisations that are admitted and whose session lies outside CHAT_RUNTIME_PERCENT are copied, so
 * nothing is ever sent for an organisation that is not. The copy has no tools, is never shown, never stored, and
 * counts for nobody's limits.
 */
export class ShadowRunner {
  readonly #options: ShadowOptions
  readonly #running = new Set<AbortController>()

  constructor(options: ShadowOptions) {
    this.#options = options
  }

  /** Runs a copy when this chat is one of those; returns at once. */
  consider(execution: ChatExecution, decision: ModeDecision): void {
    const { percent, breaker, maxConcurrent, onVerdict } = this.#options
    if (decision.rule !== 'percent') return
    if (sessionBucket(execution.executionId) >= (percent() / 100) * SESSION_BUCKETS) return
    const pass = breaker.peek(execution.sessionId)
    const instance = pass.allowed ? breaker.pick(pass, execution.sessionId) : null
    if (instance === null || this.#running.size >= maxConcurrent) onVerdict('skipped')
    else void this.#run(instance, execution)
  }

  /** Ends the copies that run. */
  close(): void {
    for (const abort of this.#running) abort.abort(new Error('the server is shutting down'))
  }

  async #run(instance: string, original: ChatExecution): Promise<void> {
    const { call, onVerdict, executionTimeoutMs } = this.#options
    const abort = new AbortController()
    this.#running.add(abort)
    const copy: ChatExecution = {
      ...original,
      executionId: newId(),
      messageId: newId(),
      agent: { ...original.agent, tools: [] }
    }
    try {
      await call(instance, copy, {
        signal: abort.signal,
        emit: () => {},
        accepted: () => {},
        flow: { congested: false, onDrained: (callback) => callback() },
        attempt: 1,
        startedAt: performance.now(),
        remainingMs: executionTimeoutMs,
        wholeAnswer: true
      })
      onVerdict('completed')
    } catch {
      onVerdict('error')
    } finally {
      this.#running.delete(abort)
    }
  }
}
