import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { DatabaseTimeoutError, DatabaseUnavailableError, TurnQueueFullError } from '../errors.ts'
import { observed } from '../observe-queries.ts'
import { namingDuplicates } from '../unique-violation.ts'
import { uuidTimeMs } from '../uuid-time.ts'
import { acceptStatement } from './accept-statement.ts'
import { BatchLanes } from './batch-lanes.ts'
import { type FinishItem, finishStatement } from './finish-statement.ts'
import { createProgressLane } from './progress-lane.ts'
import { runBatch } from './run-batch.ts'
import type { AcceptResult, AcceptTurn, FinishTurn, TurnWriter, TurnWriterOptions } from './types.ts'
import { AcceptUndoer } from './undo-accepts.ts'

// Per turn beside its text: ids and keys.
const ITEM_OVERHEAD = 1000
/** Of each kind. More make the batches smaller and the statements dearer; a chat alone never waits for others. */
const STARTS_PER_SECOND = 300

/**
 * Creates the writer of one process's turns on its pool. Each call is one round trip; calls that arrive while a
 * statement is under way share the next one and its commit. Uses at most five of the pool's connections, none of
 * them longer than a statement.
 */
export function createTurnWriter(pool: pg.Pool, options: TurnWriterOptions = {}): TurnWriter {
  const { lanes = 2, maxBatch = 128, maxQueue = 4096, maxWaitMs = 5000, finishRetryMs = 15_000, onQuery } = options
  const limits = { maxBatch, maxQueue, maxWaitMs, startsPerSecond: STARTS_PER_SECOND }
  const undoer = new AcceptUndoer(pool)
  const closing = new AbortController()

  const accepts = new BatchLanes<AcceptTurn, AcceptResult>({
    what: 'accept',
    lanes,
    ...limits,
    sizeOf: (turn) => turn.content.length + ITEM_OVERHEAD,
    run: (calls) =>
      runBatch(calls, {
        statement: async (turns, repeated) => {
          await undoer.flush()
          return await observed(onQuery, 'accept_turn', () => acceptStatement(pool, turns, repeated))
        },
        onCommitUnknown: (turns) => undoer.add(turns)
      })
  })
  const finishes = new BatchLanes<FinishItem, boolean>({
    what: 'finish',
    lanes,
    ...limits,
    sizeOf: ({ turn }) => turn.content.length + ITEM_OVERHEAD,
    run: (calls) =>
      runBatch(calls, {
        statement: (items) => observed(onQuery, 'finish_turn', () => finishStatement(pool, items))
      })
  })
  const progress = createProgressLane(pool, limits, onQuery)

  async function finish(turn: FinishTurn): Promise<boolean> {
    checkMessageId('messageId', turn.messageId)
    const item = { turn, token: randomUUID() }
    const deadline = performance.now() + finishRetryMs
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
      try {
        return await finishes.push(item)
      } catch (error) {
        const over = closing.signal.aborted || performance.now() + pauseMs > deadline
        if (over || !maySucceedLater(error)) throw error
        await wait(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: closing.signal }).catch(() => {
          throw error
        })
      }
    }
  }

  return {
    async accept(turn) {
      checkMessageId('userMessageId', turn.userMessageId)
      checkMessageId('assistantMessageId', turn.assistantMessageId)
      if (turn.newSession && turn.agentId === null) throw new TypeError('agentId: a new session needs one')
      return await namingDuplicates(duplicatesOf(turn), () => accepts.push(turn))
    },
    async takeBack(turn) {
      undoer.add([turn])
      await undoer.flush()
    },
    finish,
    async saveProgress(item) {
      checkMessageId('messageId', item.messageId)
      return await progress.save(item)
    },
    get queueLength() {
      return accepts.queueLength + finishes.queueLength + progress.queueLength
    },
    async close() {
      closing.abort()
      await Promise.all([accepts.close(), finishes.close(), progress.close()])
      await undoer.close()
    }
  }
}

/** Away, too slow, or too much to do: the end of an execution waits, or its session would stay busy for good. */
function maySucceedLater(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    error instanceof DatabaseTimeoutError ||
    error instanceof TurnQueueFullError
  )
}

function duplicatesOf(turn: AcceptTurn) {
  return {
    sessions_pkey: { field: 'sessionId', value: turn.sessionId },
    executions_pkey: { field: 'executionId', value: turn.executionId }
  }
}

/** The database takes a message's time from its id. */
function checkMessageId(field: string, id: string): void {
  if (uuidTimeMs(id) === undefined) throw new TypeError(`${field}: expected a UUID of version 7, got "${id}"`)
}
