/** Longest piece in UTF-16 units, so that a long word is streamed as well. */
const MAX_TOKEN_LENGTH = 32

const PIECES = /\s*(?:\p{Script=Han}{1,2}|[^\s\p{Script=Han}]+)|\s+/gu

/** Cuts a text into the pieces in which it is streamed: words with the space before them, Han characters in pairs. */
export function tokenize(text: string): string[] {
  const tokens: string[] = []
  for (const [piece] of text.matchAll(PIECES)) {
    if (piece.length <= MAX_TOKEN_LENGTH) {
      tokens.push(piece)
      continue
    }
    let part = ''
    for (const character of piece) {
      part += character
      if (part.length >= MAX_TOKEN_LENGTH) {
        tokens.push(part)
        part = ''
      }
    }
    if (part !== '') tokens.push(part)
  }
  return tokens
}

const ENGLISH_FILLER = tokenize(
  ' This sentence carries no meaning and is only here to make the answer as long as it was asked to be.'
)
const CHINESE_FILLER = tokenize('这句话没有什么含义，只是为了让回答达到所要求的长度。')

/** The answer with exactly `length` tokens: cut, or filled up with sentences that say what they are. */
export function toLength(tokens: string[], length: number, chinese: boolean): string[] {
  if (tokens.length >= length) return tokens.slice(0, length)
  const filler = chinese ? CHINESE_FILLER : ENGLISH_FILLER
  const filled = tokens.slice()
  for (let index = 0; filled.length < length; index++) filled.push(filler[index % filler.length]!)
  return filled
}
