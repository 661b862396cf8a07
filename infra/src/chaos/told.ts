import { type ChatEvent, isTerminal } from '@semibot/chat-protocol'

/**
 * What one client has been told of one execution, over all of its connections, by the rules of the protocol: deltas add
 * up, a fallback takes them back, the whole message stands above them. What breaks a rule is kept as a problem.
 */
export class Told {
  lastSeq = 0
  text = ''
  end: ChatEvent | undefined
  /** Texts that were taken back, or told anew after a pause: what was saved on the way may be a part of one. */
  readonly earlier: string[] = []
  readonly problems: { rule: 'ids' | 'terminal' | 'text'; detail: string }[] = []
  readonly fallbacks: string[] = []
  /** The whole message differed from the deltas before it: allowed after a cut only. */
  wasCorrected = false
  #isFirst = false
  /** The only connection so far is the one that the chat was sent on. */
  #isWhole = false

  /** What a client knows that has nothing but the number of an event. */
  static from(seq: number): Told {
    const told = new Told()
    told.lastSeq = seq
    return told
  }

  /**
   * A connection begins, of which events follow. `isAnswer`: it is the one that the chat was sent on, whose deltas must
   * be the whole message; who reads along elsewhere may be told parts of it by its end only.
   */
  connect(isAnswer: boolean): void {
    this.#isWhole = isAnswer
    this.#isFirst = true
  }

  take(event: ChatEvent, id: string | undefined): void {
    const isFirst = this.#isFirst
    this.#isFirst = false
    const { seq, type } = event
    if (id !== String(seq)) this.#break('ids', `${type} ${seq} has the id ${id}`)
    if (this.end !== undefined) this.#break('terminal', `${type} ${seq} comes after ${this.end.type} ${this.end.seq}`)
    const isBeginning = type === 'execution.started'
    if (isBeginning && !isFirst) this.#break('ids', `execution.started ${seq} in the middle of a connection`)
    // The stored answer has the numbers before the last event's, so that what was streamed between is left out.
    const isToldAnew = isFirst && isBeginning && seq > this.lastSeq
    if (seq !== this.lastSeq + 1 && !isToldAnew) this.#break('ids', `${type} ${seq} comes after ${this.lastSeq}`)
    this.lastSeq = Math.max(this.lastSeq, seq)
    this.#takeText(event)
    if (isTerminal(event)) this.end = event
  }

  #takeText(event: ChatEvent): void {
    if (event.type === 'execution.started') this.#forget()
    else if (event.type === 'message.delta') this.text += event.delta
    else if (event.type === 'execution.fallback') {
      this.fallbacks.push(`${event.reasonCode} to ${event.to}`)
      if (event.discardedMessageIds.length > 0) this.#forget()
    } else if (event.type === 'message.completed' && event.content !== this.text) {
      if (this.#isWhole && this.text !== '') {
        this.#break('text', `the whole message is not what was streamed: ${difference(event.content, this.text)}`)
      }
      this.wasCorrected = true
      this.#forget()
      this.text = event.content
    }
  }

  #forget(): void {
    if (this.text !== '') this.earlier.push(this.text)
    this.text = ''
  }

  #break(rule: 'ids' | 'terminal' | 'text', detail: string): void {
    this.problems.push({ rule, detail })
  }
}

/** Where two texts part, and what is around that place. */
export function difference(one: string, other: string): string {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40))
  return `${one.length} and ${other.length} characters, from ${at} on ${around(one)} and ${around(other)}`
}

/**
 * What is wrong with an answer whose words are marked `word[position.call]`: each paragraph is one model call's text, from
 * its first word to its last. Paragraphs without marks are the service's own. Undefined: nothing.
 */
export function mixedUp(text: string): string | undefined {
  const seen = new Set<string>()
  for (const paragraph of text.split('\n\n')) {
    const marks = [...paragraph.matchAll(/\[(\d+)\.(\d+)\]/g)]
    const call = marks[0]?.[2]
    if (call === undefined) continue
    if (seen.has(call)) return `two parts of call ${call}`
    seen.add(call)
    const wrong = marks.findIndex(([, position, by], index) => Number(position) !== index + 1 || by !== call)
    if (wrong !== -1) return `word ${wrong + 1} of a part of call ${call} is ${marks[wrong]?.[0]}`
  }
  return undefined
}
