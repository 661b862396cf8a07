/** What is known of a line that was thrown away for its length. */
export interface LongLine {
  bytes: number
  /** Its first and its last bytes, each byte a character. */
  head: string
  tail: string
}

export interface LineReaderOptions {
  /** Longest line, in bytes; no more than this is ever kept. */
  maxBytes: number
  /** One line, without its end and without a carriage return before it. */
  onLine: (line: Buffer) => void
  onLongLine: (line: LongLine) => void
}

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const EDGE_BYTES = 512
/** A chunk may be a single byte, and an object for each costs hundreds of times as much. */
const MAX_PARTS = 1024

/** Cuts a byte stream into lines. Gives the function that takes the next chunk. */
export function createLineReader({ maxBytes, onLine, onLongLine }: LineReaderOptions): (chunk: Buffer) => void {
  let parts: Buffer[] = []
  let size = 0
  /** The beginning of a line that became too long; from then on only its last bytes are kept. */
  let head: string | undefined

  return (chunk) => {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end))
      finish()
      from = end + 1
    }
    if (from < chunk.length) add(chunk.subarray(from))
  }

  function add(piece: Buffer): void {
    size += piece.length
    parts.push(piece)
    if (size <= maxBytes) {
      if (parts.length === MAX_PARTS) parts = [Buffer.concat(parts)]
      return
    }
    const whole = parts.length === 1 ? piece : Buffer.concat(parts.slice(head === undefined ? 0 : -2))
    head ??= whole.toString('latin1', 0, EDGE_BYTES)
    parts = [Buffer.from(whole.subarray(-EDGE_BYTES))]
  }

  function finish(): void {
    const line = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    if (head !== undefined) onLongLine({ bytes: size, head, tail: line.toString('latin1') })
    else onLine(line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line)
    parts = []
    size = 0
    head = undefined
  }
}
