import { quantile } from '../../quantiles.ts'
import type { ChatRecord } from './chat-load.ts'

/** What a load came to. Times in milliseconds. */
export interface LoadSummary {
  chats: number
  failed: number
  /** The first of what went wrong; empty when nothing did. */
  problem: string
  durationP50Ms: number
  durationP99Ms: number
  pauseP99Ms: number
  pauseMaxMs: number
}

export function summarizeLoad(records: readonly ChatRecord[]): LoadSummary {
  const failed = records.filter((record) => record.problem !== '')
  const durations = sorted(records.map((record) => record.endedAt - record.sentAt))
  const pauses = sorted(records.map((record) => record.pauseMs))
  return {
    chats: records.length,
    failed: failed.length,
    problem: failed[0]?.problem ?? '',
    durationP50Ms: quantile(durations, 0.5),
    durationP99Ms: quantile(durations, 0.99),
    pauseP99Ms: quantile(pauses, 0.99),
    pauseMaxMs: pauses.at(-1) ?? 0
  }
}

/** The chats that a moment divides: sent before it, ended after it. */
function inFlightAt(records: readonly ChatRecord[], at: number): ChatRecord[] {
  return records.filter((record) => record.sentAt < at && record.endedAt > at)
}

/** Where the chats were that were under way at a moment. */
export interface Whereabouts {
  inRuntime: number
  inDirect: number
  /** Sent, but not stored yet, so that no mode has been chosen. */
  arriving: number
}

export function whereaboutsAt(records: readonly ChatRecord[], at: number): Whereabouts {
  const inFlight = inFlightAt(records, at)
  const accepted = inFlight.filter(({ startedAt }) => startedAt > 0 && startedAt < at)
  const inRuntime = accepted.filter(({ mode }) => mode === 'runtime_orchestrator').length
  return { inRuntime, inDirect: accepted.length - inRuntime, arriving: inFlight.length - accepted.length }
}

/** The chats that a fault could touch: under way when it struck, or begun within `forMs` after it. */
export function touchedBy(records: readonly ChatRecord[], faultAt: number, forMs: number): ChatRecord[] {
  return records.filter((record) => record.endedAt > faultAt && record.sentAt < faultAt + forMs)
}

/** The duration below which this share of the chats lies that were sent in this time. */
export function durationOf(records: readonly ChatRecord[], from: number, to: number, share: number): number {
  const within = records.filter((record) => record.sentAt >= from && record.sentAt < to)
  return quantile(sorted(within.map((record) => record.endedAt - record.sentAt)), share)
}

function sorted(values: number[]): Float64Array {
  return Float64Array.from(values).sort()
}
