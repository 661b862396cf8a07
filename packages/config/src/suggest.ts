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

/** The known key that was most probably meant, if one is near enough (a third of the letters, at most `limit`). */
export function nearestKey(name: string, known: readonly string[], limit = 8): string | undefined {
  let best: string | undefined
  let bestDistance = Math.min(limit, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const found = distance(name.toUpperCase(), candidate)
    if (found < bestDistance) {
      best = candidate
      bestDistance = found
    }
  }
  return best
}
