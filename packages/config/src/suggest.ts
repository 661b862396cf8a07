/** Edit distance with transposition of neighbours (optimal string alignment). */
function distance(left: string, right: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_unused, index) => index)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let best = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1))
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (row > 1 && column > 1 && swapped) best = Math.min(best, beforePrevious[column - 2]! + 1)
      current.push(best)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.length]!
}

function hasWordsInOrder(candidate: string, words: readonly string[]): boolean {
  let found = 0
  for (const word of candidate.split('_')) if (word === words[found]) found += 1
  return found === words.length
}

/**
 * The known key that was most probably meant: one that differs by at most a quarter of the letters (and at most `limit`);
 * without a limit, else the shortest one that has all the words of the name in their order (RUNTIME_URL: RUNTIME_SERVICE_URL).
 */
export function nearestKey(name: string, known: readonly string[], limit?: number): string | undefined {
  const wanted = name.toUpperCase()
  let best: string | undefined
  let bestDistance = Math.min(limit ?? Infinity, Math.floor(name.length / 4)) + 1
  for (const candidate of known) {
    const found = distance(wanted, candidate)
    if (found < bestDistance) {
      best = candidate
      bestDistance = found
    }
  }
  if (best !== undefined || limit !== undefined) return best
  const words = wanted.split('_')
  if (words.length < 2) return undefined
  const holders = known.filter((candidate) => hasWordsInOrder(candidate, words))
  return holders.sort((left, right) => left.length - right.length)[0]
}
