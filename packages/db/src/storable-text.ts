const REPLACEMENT = '\uFFFD'

/**
 * Text as PostgreSQL can store it: NUL and unpaired surrogates become U+FFFD. What a model sends is not ours to
 * refuse, and an answer that is cut in the middle may end in half a character.
 */
export function storableText(text: string): string {
  const wellFormed = text.toWellFormed()
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', REPLACEMENT) : wellFormed
}
