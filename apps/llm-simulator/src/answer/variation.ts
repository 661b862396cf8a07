/**
 * Variation: with it on, no two calls give the same text. Each token is followed by `[position.call]`, both
 * from 1, so that a reader of a whole answer can tell which call each word came from, and whether one is
 * missing or was sent twice.
 */
export function mark(tokens: string[], call: number): string[] {
  return tokens.map((token, index) => `${token}[${index + 1}.${call}]`)
}

/** Length of `expected` that `text` has at `from`, in UTF-16 units. */
function commonLength(text: string, from: number, expected: string): number {
  let length = 0
  while (length < expected.length && from + length < text.length && text[from + length] === expected[length]) length++
  return length
}

/**
 * What is left of a marked answer after `prefix`, which another call may have written: the rest of the token
 * in which the prefix stops, then the following tokens with this call's mark. Undefined when the prefix is
 * not the beginning of such an answer.
 */
export function continueMarked(tokens: string[], call: number, prefix: string): string[] | undefined {
  const rest = mark(tokens, call)
  let at = 0
  for (const [index, token] of tokens.entries()) {
    if (at === prefix.length) return rest.slice(index)
    const open = `${token}[${index + 1}.`
    const common = commonLength(prefix, at, open)
    if (common < open.length) {
      if (at + common < prefix.length) return undefined
      return [`${open.slice(common)}${call}]`, ...rest.slice(index + 1)]
    }
    at += open.length
    const digits = /^\d*/.exec(prefix.slice(at, at + 16))![0]
    at += digits.length
    if (at === prefix.length) return [`${digits === '' ? call : ''}]`, ...rest.slice(index + 1)]
    if (prefix[at] !== ']' || digits === '') return undefined
    at++
  }
  return at === prefix.length ? [] : undefined
}
