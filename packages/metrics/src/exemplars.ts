import { seriesName } from './open-metrics.ts'
import type { Exemplar, Exemplars } from './types.ts'

export interface ExemplarStore {
  /** The latest exemplar of each bucket. */
  readonly latest: Exemplars
  note(labels: Readonly<Record<string, string>>, value: number, traceId: string): void
}

/** Keeps the latest exemplar of each bucket of one histogram: as many as it has buckets, whatever its traffic. */
export function createExemplars(
  histogram: string,
  edges: readonly number[],
  now: () => number = Date.now
): ExemplarStore {
  const latest = new Map<string, Exemplar>()
  return {
    latest,
    note(labels, value, traceId) {
      const edge = edges.find((each) => value <= each)
      const le = edge === undefined ? '+Inf' : String(edge)
      latest.set(seriesName(`${histogram}_bucket`, { ...labels, le }), { traceId, value, atMs: now() })
    }
  }
}
