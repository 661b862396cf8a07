const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d

/**
 * Whether JSON text nests objects and lists deeper than this, found out without parsing it: what is parsed is usually
 * walked by recursive code afterwards. Of text that is no JSON the answer means nothing.
 */
export function exceedsDepth(body: Buffer, maxDepth: number): boolean {
  let depth = 0
  for (let index = 0; index < body.length; index++) {
    const byte = body[index]
    if (byte === QUOTE) {
      index = endOfString(body, index + 1)
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++
      if (depth > maxDepth) return true
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--
    }
  }
  return false
}

/** Index of the quote that closes the string which starts at `index`; the body's length when there is none. */
function endOfString(body: Buffer, index: number): number {
  let end = body.indexOf(QUOTE, index)
  while (end !== -1) {
    let backslashes = 0
    // The quote before the string stops this at the latest.
    while (body[end - 1 - backslashes] === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
    end = body.indexOf(QUOTE, end + 1)
  }
  return body.length
}
