import type { ChatMode } from '@semibot/chat-protocol'
import type { ExecutionErrorCode } from '@semibot/metrics'
import {
  CANCELLED,
  CODE_COLUMN,
  COUNTS,
  ERROR,
  firstTokenColumn,
  LATENCY_SUM_MS,
  latencyColumn,
  SUCCESS,
  TIMEOUT
} from './execution-counts.ts'
import { createRecentCounts } from './recent-counts.ts'

/** How far back the admin API looks, in seconds. */
export const RECENT_SECONDS = 300

/** Errors that mean that an execution ran out of time. */
const TIMEOUT_CODES: ReadonlySet<ExecutionErrorCode> = new Set(['DEADLINE_EXCEEDED', 'RUNTIME_TIMEOUT'])

/** What has become of this process' executions lately. It counts what the metrics `chat_execution_*` count. */
export interface RecentExecutions {
  started(mode: ChatMode): void
  /** Each `started` needs one. */
  ended(mode: ChatMode): void
  completed(mode: ChatMode, latencyMs: number, firstTextMs?: number): void
  failed(mode: ChatMode, code: ExecutionErrorCode): void
  cancelled(mode: ChatMode): void
  snapshot(): Record<ChatMode, ModeSnapshot>
}

/** One mode at one moment; `counts` as in execution-counts.ts. */
export interface ModeSnapshot {
  counts: number[]
  inFlight: number
}

export function createRecentExecutions(now: () => number = () => performance.now()): RecentExecutions {
  const createMode = () => ({
    recent: createRecentCounts({ columns: COUNTS, seconds: RECENT_SECONDS, now }),
    inFlight: 0
  })
  const modes = { direct_llm: createMode(), runtime_orchestrator: createMode() } satisfies Record<ChatMode, unknown>
  const snapshotOf = (mode: ChatMode): ModeSnapshot => ({
    counts: Array.from(modes[mode].recent.totals()),
    inFlight: modes[mode].inFlight
  })

  return {
    started(mode) {
      modes[mode].inFlight++
    },
    ended(mode) {
      modes[mode].inFlight--
    },
    completed(mode, latencyMs, firstTextMs) {
      const { recent } = modes[mode]
      recent.add(SUCCESS, 1)
      recent.add(LATENCY_SUM_MS, Math.round(latencyMs))
      recent.add(latencyColumn(latencyMs), 1)
      if (firstTextMs !== undefined) recent.add(firstTokenColumn(firstTextMs), 1)
    },
    failed(mode, code) {
      const { recent } = modes[mode]
      recent.add(ERROR, 1)
      recent.add(CODE_COLUMN[code], 1)
      if (TIMEOUT_CODES.has(code)) recent.add(TIMEOUT, 1)
    },
    cancelled(mode) {
      modes[mode].recent.add(CANCELLED, 1)
    },
    snapshot: () => ({
      direct_llm: snapshotOf('direct_llm'),
      runtime_orchestrator: snapshotOf('runtime_orchestrator')
    })
  }
}
