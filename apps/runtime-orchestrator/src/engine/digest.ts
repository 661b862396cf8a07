import type { ChatEvent, ChatEventBody } from '@semibot/chat-protocol'
import { encodeEvent } from './encode-event.ts'
import { condenseReplay } from './replay.ts'

/**
 * What a reader gets of a running execution in place of its first events, once the log has given those up. It costs
 * little memory: what tools were given and what they gave is held for the model as well, as long as the run lasts.
 */
export class Digest {
  #started: ChatEvent | undefined
  #told: ChatEvent[] = []

  note(event: ChatEventBody, seq: number): void {
    // Reasoning is in no stored answer either; whoever resumes has heard it, and its client cannot take it back.
    if (event.type.startsWith('message.') || event.type === 'reasoning.delta') return
    const numbered = { ...event, seq, ts: Date.now() }
    if (event.type === 'execution.started') this.#started = numbered
    else this.#told = condenseReplay([...this.#told, numbered])
  }

  /** Under their own numbers: the first event, which says `text`, the answer so far, and what was told beside the text. */
  frames(text: string): string[] {
    if (this.#started === undefined) return []
    const events = [{ ...this.#started, resumed: { text } }, ...this.#told]
    return events.map((event) => encodeEvent(event, event.seq, event.ts))
  }
}
