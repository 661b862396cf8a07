import { isPlainJson, withoutParent } from '@semibot/chat-protocol'

/** How often in a row a chunk may differ in more than its text before nothing more is learnt from the stream. */
const MAX_MISSES = 4
const CONTENT = '"content":"'
const PROBE = 'probe'

/** A chunk as far as it matters here. */
interface Chunk {
  choices?: { delta?: { content?: unknown } | null }[]
}

/**
 * Reads the chunks of one stream that differ from an earlier one in nothing but their text, which is nearly all of
 * them: what stands before and after the text is compared as a whole, and the JSON need not be parsed again. That
 * takes a third of the time and makes less garbage.
 */
export class ChunkTemplate {
  /** Until something is learnt, what no JSON begins with. */
  #head = '\0'
  #tail = ''
  #misses = 0

  /** The text of a chunk that is otherwise equal to the one learnt; undefined: it has to be parsed. */
  textOf(data: string): string | undefined {
    const head = this.#head
    const tail = this.#tail
    const end = data.length - tail.length
    // Slices are compared by the word, startsWith by the character: three times as long.
    if (end <= head.length || data.slice(0, head.length) !== head || data.slice(end) !== tail) return undefined
    const text = data.slice(head.length, end)
    if (!isPlainJson(text)) return undefined
    this.#misses = 0
    return withoutParent(text)
  }

  /** Takes note of a chunk that was parsed and told of nothing but this text. */
  learn(data: string, text: string): void {
    if (this.#misses >= MAX_MISSES) return
    this.#misses++
    const start = data.indexOf(CONTENT) + CONTENT.length
    const end = start + text.length
    if (start < CONTENT.length || data.slice(start, end) !== text || !isPlainJson(text)) return
    const head = data.slice(0, start)
    const tail = data.slice(end)
    if (!isText(`${head}${PROBE}${tail}`)) return
    // Copies: a slice would keep the whole chunk, and is slower to compare.
    this.#head = Buffer.from(head).toString()
    this.#tail = Buffer.from(tail).toString()
  }
}

/** Whether what was put there is what a chunk says: the key may stand somewhere else as well. */
function isText(data: string): boolean {
  try {
    return (JSON.parse(data) as Chunk).choices?.[0]?.delta?.content === PROBE
  } catch {
    return false
  }
}
