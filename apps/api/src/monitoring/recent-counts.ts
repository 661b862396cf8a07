/** Sums over the last seconds. */
export interface RecentCounts {
  /** Adds a whole number to a column of the current second. */
  add(column: number, amount: number): void
  /** The sums at this moment; the same array at each call, not to be kept. */
  totals(): ArrayLike<number>
}

export interface RecentCountsOptions {
  columns: number
  /** Seconds that are remembered, the current one included. */
  seconds: number
  /** Milliseconds of a clock that never goes back. */
  now: () => number
}

/**
 * A ring of one-second rows with running totals: adding costs the same however many executions there were, and
 * a second that has gone by is subtracted once.
 */
export function createRecentCounts({ columns, seconds, now }: RecentCountsOptions): RecentCounts {
  const rows = new Float64Array(seconds * columns)
  const totals = new Float64Array(columns)
  let current = Math.floor(now() / 1000)

  /** Brings the ring to the present and returns where the current second's row begins. */
  function turn(): number {
    const second = Math.floor(now() / 1000)
    if (second - current >= seconds) {
      rows.fill(0)
      totals.fill(0)
      current = second
    }
    while (current < second) {
      current++
      const begin = (current % seconds) * columns
      for (let column = 0; column < columns; column++) {
        totals[column] = (totals[column] as number) - (rows[begin + column] as number)
      }
      rows.fill(0, begin, begin + columns)
    }
    return (current % seconds) * columns
  }

  return {
    add(column, amount) {
      const cell = turn() + column
      rows[cell] = (rows[cell] as number) + amount
      totals[column] = (totals[column] as number) + amount
    },
    totals() {
      turn()
      return totals
    }
  }
}
