import type pg from 'pg'
import { observed, type QueryObserver } from '../observe-queries.ts'
import { BatchLanes } from './batch-lanes.ts'
import { saveProgressStatement } from './finish-statement.ts'
import { runBatch } from './run-batch.ts'
import type { TurnProgress } from './types.ts'

interface WaitingProgress {
  latest: TurnProgress
  saved: Promise<boolean>
}

const ITEM_OVERHEAD = 1000

/** Saves answers so far, one statement at a time; of one execution only the latest that waits. */
export function createProgressLane(
  pool: pg.Pool,
  limits: { maxBatch: number; maxQueue: number; maxWaitMs: number; startsPerSecond: number },
  onQuery?: QueryObserver
) {
  const waiting = new Map<string, WaitingProgress>()
  const lane = new BatchLanes<WaitingProgress, boolean>({
    what: 'saveProgress',
    lanes: 1,
    ...limits,
    sizeOf: ({ latest }) => latest.content.length + ITEM_OVERHEAD,
    run: (calls) => {
      for (const { item } of calls) waiting.delete(keyOf(item.latest))
      return runBatch(calls, {
        statement: (items) =>
          observed(onQuery, 'save_progress', () =>
            saveProgressStatement(
              pool,
              items.map((item) => item.latest)
            )
          )
      })
    }
  })

  return {
    save(latest: TurnProgress): Promise<boolean> {
      const key = keyOf(latest)
      const earlier = waiting.get(key)
      if (earlier) {
        earlier.latest = latest
        return earlier.saved
      }
      const item = { latest, saved: Promise.resolve(false) }
      waiting.set(key, item)
      item.saved = lane.push(item)
      // Refused or expired: it never reached a batch.
      item.saved.catch(() => {
        if (waiting.get(key) === item) waiting.delete(key)
      })
      return item.saved
    },
    get queueLength() {
      return lane.queueLength
    },
    close: () => lane.close()
  }
}

function keyOf(progress: TurnProgress): string {
  return `${progress.orgId} ${progress.executionId}`
}
