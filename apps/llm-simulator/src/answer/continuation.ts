import { tokenize } from './tokens.ts'
import { continueMarked } from './variation.ts'

/**
 * The tokens that continue `prefix`. A prefix that is the beginning of the answer is continued exactly where
 * it stops, also inside a word. Any other prefix was somebody else's answer: it gets the part of ours that
 * begins where it stops, counted in tokens, and at least one.
 */
export function continueAnswer(tokens: string[], prefix: string, call: number, vary: boolean): string[] {
  if (vary) {
    const rest = continueMarked(tokens, call, prefix)
    if (rest !== undefined) return rest
  }
  const text = tokens.join('')
  if (text.startsWith(prefix)) return tokenize(text.slice(prefix.length))
  const written = tokenize(prefix).length
  return tokens.slice(Math.min(written, tokens.length - 1))
}
