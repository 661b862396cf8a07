import type { ChatEventBody, FinishReason } from '@semibot/chat-protocol'
import { EVENT_OVERHEAD_BYTES, MAX_ANSWER_BYTES, MAX_DELTA_LENGTH, MAX_EVENTS_BYTES } from '../constants/config.ts'
import { unknownOutcome } from './call-tool.ts'

/** JSON needs at most six bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 6

/** The answer has reached the largest size that one event, or one stream, can carry; what was written so far stands. */
export class AnswerFull extends Error {
  override readonly name = 'AnswerFull'
}

/** The one message that an execution writes, from its first word to the whole text. */
export class Answer {
  readonly #messageId: string
  readonly #emit: (event: ChatEventBody) => void
  #text = ''
  #reasoned = false
  #begun = false
  #separate = false
  /** Upper bound of the JSON size of `#text`: exact at the last measurement, pessimistic since. */
  #boundBytes = 2
  /** What all events so far took on the stream, at most. */
  #streamedBytes = 0
  #toldBytes = 0
  /** Calls of unsafe tools that have begun and not ended. */
  readonly #openCalls = new Map<string, { name: string; startedAt: number }>()

  constructor(messageId: string, emit: (event: ChatEventBody) => void) {
    this.#messageId = messageId
    this.#emit = emit
  }

  get text(): string {
    return this.#text
  }

  /** Something of it was written, or reasoned about. */
  get isUnderWay(): boolean {
    return this.#text !== '' || this.#reasoned
  }

  /** What the events beside the text took on the stream, at most. */
  get toldBytes(): number {
    return this.#toldBytes
  }

  /** @throws AnswerFull when the text would no longer fit; nothing of it is written then. */
  write(text: string): void {
    const gap = this.#separate && this.#text !== '' && !this.#text.endsWith('\n')
    this.#separate = false
    for (const delta of pieces(gap ? `\n\n${text}` : text)) this.#append(delta)
  }

  /** @throws AnswerFull as `write` */
  reason(text: string): void {
    for (const delta of pieces(text)) {
      this.#take(Buffer.byteLength(delta))
      this.#reasoned = true
      this.#emit({ type: 'reasoning.delta', messageId: this.#messageId, delta })
    }
  }

  /** Tells something beside the text, such as a tool's result. @throws AnswerFull when the stream has no room for it */
  tell(event: ChatEventBody): void {
    const bytes = Buffer.byteLength(JSON.stringify(event))
    this.#take(bytes)
    this.#toldBytes += EVENT_OVERHEAD_BYTES + bytes
    if (event.type === 'tool.finished') this.#openCalls.delete(event.toolCallId)
    else if (event.type === 'tool.started' && event.effect === 'unsafe')
      this.#openCalls.set(event.toolCallId, { name: event.name, startedAt: performance.now() })
    this.#emit(event)
  }

  /** The execution ends while tools with effects are at work: nobody knows what they did, and the reader is told so. */
  leaveTools(): void {
    for (const [toolCallId, { name, startedAt }] of this.#openCalls) {
      const durationMs = Math.round(performance.now() - startedAt)
      const { status, error } = unknownOutcome(`${name} was interrupted`)
      this.#emit({ type: 'tool.finished', toolCallId, status, durationMs, ...(error === undefined ? {} : { error }) })
    }
    this.#openCalls.clear()
  }

  /** What is written next, if anything, begins a new paragraph: it comes from a later model call. */
  separate(): void {
    this.#separate = true
  }

  complete(finishReason: FinishReason): void {
    this.#begin()
    this.#emit({ type: 'message.completed', messageId: this.#messageId, content: this.#text, finishReason })
  }

  #append(delta: string): void {
    this.#boundBytes += delta.length * MAX_BYTES_PER_UNIT
    if (this.#boundBytes > MAX_ANSWER_BYTES) this.#measure(delta)
    this.#take(Buffer.byteLength(delta))
    this.#begin()
    this.#text += delta
    this.#emit({ type: 'message.delta', messageId: this.#messageId, delta })
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#emit({ type: 'message.started', messageId: this.#messageId })
  }

  /** Readers refuse a stream beyond a size: end in good order before that. */
  #take(bytes: number): void {
    const taken = this.#streamedBytes + EVENT_OVERHEAD_BYTES + bytes
    if (taken > MAX_EVENTS_BYTES) throw new AnswerFull('the stream has no room left')
    this.#streamedBytes = taken
  }

  #measure(delta: string): void {
    const bytes = Buffer.byteLength(JSON.stringify(this.#text + delta))
    if (bytes > MAX_ANSWER_BYTES) {
      this.#boundBytes = MAX_ANSWER_BYTES
      throw new AnswerFull('the answer is too long')
    }
    this.#boundBytes = bytes
  }
}

/** A model may send one very long piece; cut between code points, so that no character is torn apart. */
function pieces(text: string): string[] {
  if (text.length <= MAX_DELTA_LENGTH) return text === '' ? [] : [text]
  const cut: string[] = []
  let from = 0
  while (from < text.length) {
    let to = Math.min(from + MAX_DELTA_LENGTH, text.length)
    const unit = text.charCodeAt(to - 1)
    if (to < text.length && unit >= 0xd800 && unit <= 0xdbff) to--
    cut.push(text.slice(from, to))
    from = to
  }
  return cut
}
