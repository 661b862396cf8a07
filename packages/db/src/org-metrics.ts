import { type Kysely, sql } from 'kysely'
import type { Database } from './schema.ts'

/** Figures of one mode over the window; rates are fractions 0..1, and 0 when nothing ended. */
export interface ModeFigures {
  /** Executions that ended well or badly; cancelled ones are counted apart. */
  total: number
  success: number
  error: number
  /** Of the errors, those that ran out of time. */
  timeout: number
  avgLatencyMs: number
  errorRate: number
  timeoutRate: number
  cancelled: number
  p50LatencyMs: number | null
  p95LatencyMs: number | null
  p99LatencyMs: number | null
  /** Errors by code. */
  byCode: Record<string, number>
}

/** An organisation's finished executions of the last `windowSeconds`, by the mode that answered. */
export interface OrgMetrics {
  windowSeconds: number
  direct: ModeFigures
  runtime: ModeFigures
}

interface FiguresRow {
  mode: string
  success: number
  error: number
  timeout: number
  cancelled: number
  avg: number | null
  percentiles: (number | null)[] | null
}

const TIMEOUT_CODES = ['DEADLINE_EXCEEDED', 'RUNTIME_TIMEOUT']

/** Latencies are of the executions that ended well. Percentiles are interpolated (percentile_cont). */
export async function orgMetrics(db: Kysely<Database>, orgId: string, windowSeconds = 300): Promise<OrgMetrics> {
  const ended = sql`from executions
    where org_id = ${orgId} and ended_at > now() - make_interval(secs => ${windowSeconds})`
  const [figures, codes] = await Promise.all([
    sql<FiguresRow>`
      select mode,
        count(*) filter (where status = 'completed') as success,
        count(*) filter (where status = 'failed') as error,
        count(*) filter (where status = 'failed' and error_code = any(${TIMEOUT_CODES})) as timeout,
        count(*) filter (where status = 'cancelled') as cancelled,
        (avg(latency_ms) filter (where status = 'completed'))::float8 as avg,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by latency_ms::float8)
          filter (where status = 'completed') as percentiles
      ${ended} and mode is not null
      group by mode`.execute(db),
    sql<{ mode: string; code: string; count: number }>`
      select mode, coalesce(error_code, 'INTERNAL') as code, count(*) as count
      ${ended} and mode is not null and status = 'failed'
      group by 1, 2`.execute(db)
  ])

  function ofMode(mode: string): ModeFigures {
    const row = figures.rows.find((candidate) => candidate.mode === mode)
    const byCode = Object.fromEntries(codes.rows.filter((code) => code.mode === mode).map((c) => [c.code, c.count]))
    return toFigures(row, byCode)
  }
  return { windowSeconds, direct: ofMode('direct_llm'), runtime: ofMode('runtime_orchestrator') }
}

function toFigures(row: FiguresRow | undefined, byCode: Record<string, number>): ModeFigures {
  const { success = 0, error = 0, timeout = 0, cancelled = 0 } = row ?? {}
  const total = success + error
  const [p50 = null, p95 = null, p99 = null] = row?.percentiles ?? []
  return {
    total,
    success,
    error,
    timeout,
    avgLatencyMs: row?.avg ?? 0,
    errorRate: total === 0 ? 0 : error / total,
    timeoutRate: total === 0 ? 0 : timeout / total,
    cancelled,
    p50LatencyMs: p50,
    p95LatencyMs: p95,
    p99LatencyMs: p99,
    byCode
  }
}
