import type { FinishReason, Usage } from '@semibot/chat-protocol'
import type { EventStreamHandlers, ServerSentEvent } from '@semibot/chat-protocol/event-stream'
import type { Attempt } from '../calls.ts'
import { errorInAnswer } from '../error-of-answer.ts'
import { LlmError } from '../llm-error.ts'
import { readProviderError } from '../provider-text.ts'
import type { LlmSink } from '../types.ts'
import { readOpenAiUsage } from '../usage.ts'
import { ChunkTemplate } from './chunk-template.ts'
import { finishReasonOf, textOf } from './wire-values.ts'

/** How long after `[DONE]` the connection may take to end; then it is given up instead of kept for the next call. */
const AFTER_DONE_MS = 100
/** How long after the finish reason the usage and `[DONE]` may take; servers exist that send neither. */
const AFTER_FINISH_MS = 2000

interface Chunk {
  choices?: unknown
  usage?: unknown
  error?: unknown
}

interface Choice {
  index?: unknown
  delta?: { content?: unknown; reasoning_content?: unknown; reasoning?: unknown; refusal?: unknown } | null
  finish_reason?: unknown
}

/**
 * Reads the events of one streamed completion. A chunk is looked at field by field and never checked as a
 * whole: what is missing or of another type is not there.
 */
export class CompletionStream implements EventStreamHandlers {
  readonly #sink: LlmSink
  readonly #attempt: Attempt
  readonly #apiKey: string | undefined
  readonly #template = new ChunkTemplate()
  /** Pieces of text so far, and their length in UTF-16 units; reasoning included. */
  pieces = 0
  characters = 0
  done: boolean = false
  finishReason: FinishReason | undefined
  usage: Usage | undefined

  constructor(sink: LlmSink, attempt: Attempt, apiKey: string | undefined) {
    this.#sink = sink
    this.#attempt = attempt
    this.#apiKey = apiKey
  }

  /** Whether the answer is whole, however the connection ended. */
  get whole(): boolean {
    return this.done || this.finishReason !== undefined
  }

  onActivity(): void {
    if (!this.done) this.#attempt.timers.activity()
  }

  onEvent({ event, data }: ServerSentEvent): void {
    if (this.done) return
    this.#attempt.touched = true
    if (data === '[DONE]') {
      this.done = true
      this.#attempt.timers.endSoon(AFTER_DONE_MS)
      return
    }
    const known = event === 'message' ? this.#template.textOf(data) : undefined
    if (known !== undefined) {
      this.#count(known)
      this.#sink.onText(known)
      return
    }
    const chunk = this.#parse(data)
    if (chunk.error !== undefined && chunk.error !== null) this.#failWith(chunk)
    if (event === 'error') this.#failWith(chunk)
    const hasUsage = chunk.usage !== undefined && chunk.usage !== null
    if (hasUsage) this.usage = readOpenAiUsage(chunk.usage) ?? this.usage
    const text = Array.isArray(chunk.choices) ? this.#readChoice(chunk.choices[0]) : ''
    if (text !== '' && !hasUsage) this.#template.learn(data, text)
  }

  #parse(data: string): Chunk {
    let chunk: unknown
    try {
      chunk = JSON.parse(data)
    } catch {
      throw new LlmError('LLM_UNAVAILABLE', 'The model provider sent a piece of an answer that is not JSON.')
    }
    return typeof chunk === 'object' && chunk !== null ? chunk : {}
  }

  #failWith(chunk: Chunk): never {
    throw errorInAnswer(readProviderError(chunk) ?? { message: '', code: '', type: '' }, this.#apiKey)
  }

  /** The text, when the choice tells of nothing else. */
  #readChoice(choice: Choice | null | undefined): string {
    if (typeof choice !== 'object' || choice === null) return ''
    if (typeof choice.index === 'number' && choice.index !== 0) return ''
    const { delta } = choice
    let only = ''
    if (typeof delta === 'object' && delta !== null) {
      const reasoning = delta.reasoning_content ?? delta.reasoning
      const hasReasoning = typeof reasoning === 'string' && reasoning !== ''
      if (hasReasoning) {
        this.#count(reasoning)
        this.#sink.onReasoning?.(reasoning)
      }
      const text = textOf(delta.content) || textOf(delta.refusal)
      if (text !== '') {
        this.#count(text)
        this.#sink.onText(text)
      }
      if (!hasReasoning) only = text
    }
    const reason = choice.finish_reason
    // Servers exist that send '' or 'null' in every chunk until the answer ends.
    if (typeof reason === 'string' && reason !== '' && reason !== 'null') {
      this.finishReason = finishReasonOf(reason)
      this.#attempt.timers.endSoon(AFTER_FINISH_MS)
      return ''
    }
    return only
  }

  #count(text: string): void {
    this.pieces++
    this.characters += text.length
  }
}
