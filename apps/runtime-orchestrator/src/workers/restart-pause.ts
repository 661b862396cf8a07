const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
/** A worker that was up for this long starts again after the first pause. */
const STEADY_MS = 60_000

/** How long to wait before a worker is started again: 1, 2, 4, ... at most 30 seconds. `lastMs`: the pause before this start. */
export function restartPauseMs(lastMs: number | undefined, upMs: number): number {
  if (lastMs === undefined || upMs >= STEADY_MS) return FIRST_PAUSE_MS
  return Math.min(lastMs * 2, LONGEST_PAUSE_MS)
}
