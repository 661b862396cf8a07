import { isPlainJson, withoutParent } from './plain-json.ts'

// Text goes over the wire in `message.delta`, of which there are many a second on each stream: api and runtime write it
// here, and the api reads what the runtime has written, without JSON of whole objects.

const NUMBERS = /^","seq":\d{1,15},"ts":\d{1,15}\}$/

// Events of many streams share a millisecond, and a number of this size is dear to write.
let lastTime = 0
let lastTimeText = '0'

/** The server-sent event of a `message.delta`. @param messageId a UUID, or what else needs no escaping in JSON */
export function writeDelta(messageId: string, delta: string, seq: number, ts: number): string {
  if (ts !== lastTime) {
    lastTime = ts
    lastTimeText = String(ts)
  }
  const number = String(seq)
  return `id: ${number}\nevent: message.delta\ndata: {"type":"message.delta","messageId":"${messageId}","delta":${JSON.stringify(delta)},"seq":${number},"ts":${lastTimeText}}\n\n`
}

/** Reads the data of what `writeDelta` wrote for one message. */
export class DeltaReader {
  readonly #head: string

  constructor(messageId: string) {
    // A copy: what is put together of parts is slower to compare.
    this.#head = Buffer.from(`{"type":"message.delta","messageId":"${messageId}","delta":"`).toString()
  }

  /** The text; undefined when it is another event, or one that JSON.parse has to read. */
  textOf(data: string): string | undefined {
    const head = this.#head
    // Slices are compared by the word, startsWith by the character: three times as long.
    if (data.slice(0, head.length) !== head) return undefined
    const end = data.indexOf('"', head.length)
    const text = data.slice(head.length, end)
    if (!isPlainJson(text) || !NUMBERS.test(data.slice(end))) return undefined
    return withoutParent(text)
  }
}
