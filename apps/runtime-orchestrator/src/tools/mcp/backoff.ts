export interface BackoffLimits {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * The wait before a try after this many failures in a row: random between nothing and a bound that doubles, so that
 * many who lost the same server do not all come back at once (full jitter).
 */
export function backoffMs(
  { firstMs, maxMs }: BackoffLimits,
  failures: number,
  random: () => number = Math.random
): number {
  return Math.round(random() * Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30)))
}
