import type { ChatEvent, ChatEventBody, ChatEventOf, ChatMode } from '@semibot/chat-protocol'
import { traceIdOf } from '@semibot/service-kit'
import type { ChatExecution } from '../adapters/chat-executor.ts'
import { Answer } from './answer.ts'
import type { ExecutionEvents } from './event-log.ts'

/** Why and how a chat leaves the runtime. */
export interface Fallback {
  reasonCode: string
  reason: string
  /** Number of the attempt that takes over. */
  attempt: number
  /** The text that the client has is taken back. */
  retract: boolean
}

/**
 * What the client is told of one execution, over all of its attempts: it begins with `execution.started` once
 * an engine has taken the chat on, announces a fallback as soon as the next attempt is under way, and never
 * says a thing twice.
 */
export class ExecutionStory {
  readonly answer = new Answer()
  readonly #execution: ChatExecution
  readonly #events: ExecutionEvents
  #started = false
  #announcement: ChatEventOf<'execution.fallback'> | undefined

  constructor(execution: ChatExecution, events: ExecutionEvents) {
    this.#execution = execution
    this.#events = events
  }

  /** What the process has told that began this story. */
  recall(told: readonly ChatEvent[]): void {
    for (const event of told) {
      if (event.type === 'execution.started') this.#started = true
      else if (event.type === 'execution.fallback' && event.discardedMessageIds.length > 0) this.answer.retract()
      else this.answer.take(event)
    }
  }

  /** An engine has taken the chat on. */
  get started(): boolean {
    return this.#started
  }

  /** An attempt is under way. */
  begin(mode: ChatMode, attempt: number): void {
    if (!this.#started) {
      this.#started = true
      const { executionId, sessionId, messageId, agent, traceparent } = this.#execution
      const traceId = traceIdOf(traceparent)
      const model = agent.model
      this.#events.append({
        type: 'execution.started',
        executionId,
        sessionId,
        messageId,
        mode,
        attempt,
        model,
        traceId
      })
    }
    if (this.#announcement === undefined) return
    this.#events.append(this.#announcement)
    this.#announcement = undefined
  }

  /** An event of the attempt under way. */
  tell(event: ChatEventBody): void {
    if (event.type === 'message.completed') this.#tellRest(event.content)
    if (this.answer.take(event)) this.#events.append(event)
  }

  /** The chat goes on elsewhere: said when the next attempt begins. */
  fallBack({ reasonCode, reason, attempt, retract }: Fallback): void {
    this.#announcement = {
      type: 'execution.fallback',
      from: 'runtime_orchestrator',
      to: 'direct_llm',
      reason,
      reasonCode,
      attempt,
      discardedMessageIds: retract ? [this.#execution.messageId] : [],
      discardedToolCallIds: this.answer.openToolCallIds
    }
    if (retract) this.answer.retract()
  }

  /**
   * Another runtime instance goes on with the answer: what the client has is made equal to `text`, the finished part.
   * False when the client has more than that and cannot forget.
   */
  rewind(text: string, attempt: number, canRetract: boolean): boolean {
    const { answer } = this
    const { messageId } = this.#execution
    if (!text.startsWith(answer.text)) {
      if (!canRetract) return false
      this.#events.append({
        type: 'execution.fallback',
        from: 'runtime_orchestrator',
        to: 'runtime_orchestrator',
        reason: 'another runtime instance goes on with the answer',
        reasonCode: 'RUNTIME_UNAVAILABLE',
        attempt,
        discardedMessageIds: [messageId],
        discardedToolCallIds: []
      })
      answer.retract()
    }
    this.#tellRest(text)
    return true
  }

  /** The client has a beginning of `text` and gets what follows: a runtime that keeps it no longer leaves it out. */
  #tellRest(text: string): void {
    const { answer } = this
    if (text.length <= answer.text.length || !text.startsWith(answer.text)) return
    const { messageId } = this.#execution
    const delta = text.slice(answer.text.length)
    this.tell({ type: 'message.started', messageId })
    this.tell({ type: 'message.delta', messageId, delta })
  }

  /**
   * A tool with effects may or may not have done its work: nobody runs it again, and everybody is told. Gives
   * what the model has to know, if anything.
   */
  closeUnknownTools(): string | undefined {
    const unknown = this.answer.openUnsafeTools
    if (unknown.length === 0) return undefined
    for (const { toolCallId } of unknown) {
      this.tell({ type: 'tool.finished', toolCallId, status: 'unknown', durationMs: 0 })
    }
    const names = unknown.map((tool) => tool.name).join(', ')
    return `These tools were started and their results are unknown: ${names}. They will not be run again. Tell the user that it is unknown whether they took effect.`
  }

  /** The terminal event. */
  end(event: ChatEventOf<'execution.completed' | 'execution.failed' | 'execution.cancelled'>): void {
    this.#events.append(event)
  }
}
