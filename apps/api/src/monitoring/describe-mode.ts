import type { LiveModeMetrics } from '@semibot/chat-protocol'
import { EXECUTION_ERROR_CODES } from '@semibot/metrics'
import {
  CANCELLED,
  CODE_COLUMN,
  COUNTS,
  ERROR,
  firstTokenQuantile,
  LATENCY_SUM_MS,
  latencyQuantile,
  SUCCESS,
  TIMEOUT
} from './execution-counts.ts'
import type { ModeSnapshot } from './recent-executions.ts'

/** The figures of one mode over several replicas, as the admin API shows them. */
export function describeMode(snapshots: readonly ModeSnapshot[]): LiveModeMetrics {
  const counts = new Array<number>(COUNTS).fill(0)
  let inFlight = 0
  for (const snapshot of snapshots) {
    inFlight += snapshot.inFlight
    for (const [column, count] of snapshot.counts.entries()) counts[column] = (counts[column] ?? 0) + count
  }
  const at = (column: number) => counts[column] ?? 0
  const success = at(SUCCESS)
  const error = at(ERROR)
  const timeout = at(TIMEOUT)
  const total = success + error
  const codes = EXECUTION_ERROR_CODES.map((code) => [code, at(CODE_COLUMN[code])] as const)
  return {
    total,
    success,
    error,
    timeout,
    avgLatencyMs: success === 0 ? 0 : at(LATENCY_SUM_MS) / success,
    errorRate: total === 0 ? 0 : error / total,
    timeoutRate: total === 0 ? 0 : timeout / total,
    cancelled: at(CANCELLED),
    p50LatencyMs: latencyQuantile(counts, 0.5),
    p95LatencyMs: latencyQuantile(counts, 0.95),
    p99LatencyMs: latencyQuantile(counts, 0.99),
    p95FirstTokenMs: firstTokenQuantile(counts, 0.95),
    byCode: Object.fromEntries(codes.filter(([, count]) => count > 0)),
    inFlight
  }
}
