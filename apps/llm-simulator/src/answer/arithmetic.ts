const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bmultiplied by\b|\btimes\b|乘以|乘|×/gi, '*'],
  [/\bdivided by\b|除以|÷/gi, '/'],
  [/\bplus\b|加上|加/gi, '+'],
  [/\bminus\b|减去|减/gi, '-'],
  [/(\d)\s*x\s*(?=\d)/gi, '$1*']
]

const CALCULATION =
  /(?:\(\s*)*-?\d+(?:\.\d+)?%?(?:\s*\))*(?:\s*(?:\*\*|[-+*/^%])\s*(?:\(\s*)*-?\d+(?:\.\d+)?(?:\s*\))*)+/g

/** At most this many are computed in one answer. */
const MAX_CALCULATIONS = 8

/** The calculations in a text, such as `17*23` in "What is 17 times 23?". Dates and ranges are taken for what they look like. */
export function findCalculations(text: string): string[] {
  let plain = text
  for (const [word, sign] of WORDS) plain = plain.replace(word, sign)
  const found: string[] = []
  for (const [match] of plain.matchAll(CALCULATION)) {
    const expression = match.replace(/\s+/g, '')
    // ISO dates and telephone numbers are not meant as subtractions.
    if (/^\d{3,}-\d+(-\d+)*$/.test(expression)) continue
    if (!found.includes(expression)) found.push(expression)
    if (found.length === MAX_CALCULATIONS) break
  }
  return found
}
