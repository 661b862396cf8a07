import type { ChatRecord, LoadMessage } from './chat-load.ts'
import { checkAnswer } from './check-answer.ts'

/** Reads the frames of one chat's answer, in the native face, and keeps the record of it. Times as `clock()` gives them. */
export class ChatReader {
  readonly record: ChatRecord
  /** How the answer ended: undefined while it has not, empty when it is as it should be, else what is wrong with it. */
  ending: string | undefined
  readonly #message: LoadMessage
  #text = ''
  #seenAt: number

  constructor(message: LoadMessage, sentAt: number) {
    this.#message = message
    this.#seenAt = sentAt
    this.record = {
      sentAt,
      startedAt: 0,
      endedAt: 0,
      mode: '',
      fellBack: false,
      retracted: false,
      pauseMs: 0,
      pausedAt: sentAt,
      writers: 0,
      problem: ''
    }
  }

  /** A client has seen something new, or its chat is over: the pause before it may be the longest so far. */
  sawSomething(now: number): void {
    const { record } = this
    if (now - this.#seenAt > record.pauseMs) {
      record.pauseMs = now - this.#seenAt
      record.pausedAt = this.#seenAt
    }
    this.#seenAt = now
  }

  /** One frame, without the empty line that ends it. */
  take(frame: string, now: number): void {
    const { record } = this
    const data = frame.slice(frame.indexOf('data: ') + 6)
    if (data.startsWith('{"type":"message.delta"')) {
      this.sawSomething(now)
      this.#text += (JSON.parse(data) as { delta: string }).delta
    } else if (data.startsWith('{"type":"execution.started"')) {
      record.startedAt = now
      record.mode = data.includes('"mode":"direct_llm"') ? 'direct_llm' : 'runtime_orchestrator'
    } else if (data.startsWith('{"type":"execution.fallback"')) {
      record.fellBack = true
      if (data.includes('"discardedMessageIds":[]')) return
      record.retracted = true
      this.#text = ''
    } else if (data.startsWith('{"type":"message.completed"')) {
      const { content } = JSON.parse(data) as { content: string }
      if (content !== this.#text) this.ending ??= 'the whole text at the end is not the one that was streamed'
    } else if (data.startsWith('{"type":"execution.completed"')) {
      this.sawSomething(now)
      const { problem, writers } = checkAnswer(this.#text, this.#message)
      record.writers = writers
      this.ending ??= problem
    } else if (data.startsWith('{"type":"execution.failed"') || data.startsWith('{"type":"execution.cancelled"')) {
      this.ending = data.slice(0, 200)
    }
  }
}
