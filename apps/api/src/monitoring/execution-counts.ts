import {
  EXECUTION_ERROR_CODES,
  type ExecutionErrorCode,
  FIRST_TOKEN_BUCKETS,
  LATENCY_BUCKETS_MS
} from '@semibot/metrics'

/*
 * What is counted of the executions of one mode, as one row of whole numbers: rows of seconds, of replicas, of
 * anything can be added up, number by number, and stay exact.
 */

export const SUCCESS = 0
export const ERROR = 1
export const TIMEOUT = 2
export const CANCELLED = 3
/** Of completed executions; so are the buckets. */
export const LATENCY_SUM_MS = 4
const LATENCY = 5
const LATENCY_EDGES_MS: readonly number[] = LATENCY_BUCKETS_MS
const FIRST_TOKEN = LATENCY + LATENCY_EDGES_MS.length + 1
const FIRST_TOKEN_EDGES_MS: readonly number[] = FIRST_TOKEN_BUCKETS.map((seconds) => seconds * 1000)
const CODES = FIRST_TOKEN + FIRST_TOKEN_EDGES_MS.length + 1

/** Numbers in a row. */
export const COUNTS = CODES + EXECUTION_ERROR_CODES.length

/** Where an error code is counted. */
export const CODE_COLUMN = Object.fromEntries(
  EXECUTION_ERROR_CODES.map((code, index) => [code, CODES + index])
) as Record<ExecutionErrorCode, number>

export function latencyColumn(latencyMs: number): number {
  return LATENCY + bucketOf(LATENCY_EDGES_MS, latencyMs)
}

export function firstTokenColumn(firstTokenMs: number): number {
  return FIRST_TOKEN + bucketOf(FIRST_TOKEN_EDGES_MS, firstTokenMs)
}

/** The latency below which the fraction `q` of completed executions stayed; null without any. */
export function latencyQuantile(counts: ArrayLike<number>, q: number): number | null {
  return quantile(LATENCY_EDGES_MS, counts, LATENCY, q)
}

/** The same of the time to the first text, of the executions that had one. */
export function firstTokenQuantile(counts: ArrayLike<number>, q: number): number | null {
  return quantile(FIRST_TOKEN_EDGES_MS, counts, FIRST_TOKEN, q)
}

function bucketOf(edges: readonly number[], value: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (value <= (edges[middle] as number)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * As Prometheus' histogram_quantile, by the same buckets as the metrics: linear within the bucket, from 0 in the
 * first one, and the last edge for everything above it.
 */
function quantile(edges: readonly number[], counts: ArrayLike<number>, from: number, q: number): number | null {
  let total = 0
  for (let bucket = 0; bucket <= edges.length; bucket++) total += counts[from + bucket] as number
  if (total === 0) return null
  const rank = q * total
  let below = 0
  for (const [bucket, edge] of edges.entries()) {
    const inBucket = counts[from + bucket] as number
    if (inBucket > 0 && below + inBucket >= rank) {
      const lower = edges[bucket - 1] ?? 0
      return lower + (edge - lower) * ((rank - below) / inBucket)
    }
    below += inBucket
  }
  return edges.at(-1) ?? null
}
