const MAX_TERMS = 8
const SHORTEST_WORD = 3
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u

const segmenter = new Intl.Segmenter('zh', { granularity: 'word' })

/**
 * The words of a query to look for, at most eight, the first ones. Chinese, Japanese and Korean text, which has
 * no spaces, is cut by the Unicode word rules with their dictionary (UAX 29). Very short words (one Chinese
 * character, two Latin letters) are left out when there are longer ones.
 */
export function searchTerms(query: string): string[] {
  const words = new Set<string>()
  for (const { segment, isWordLike } of segmenter.segment(query)) {
    if (isWordLike) words.add(segment.toLowerCase())
  }
  const all = [...words]
  const telling = all.filter(isTelling)
  return (telling.length > 0 ? telling : all).slice(0, MAX_TERMS)
}

function isTelling(word: string): boolean {
  return CJK.test(word) ? [...word].length > 1 : word.length >= SHORTEST_WORD || /\d/.test(word)
}
