import type { FinishTurn, TurnWriter } from '@semibot/db'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../constants/log-messages.ts'

export interface StoreResultServices {
  turns: TurnWriter
  log: FastifyBaseLogger
}

/** How long a client waits for the result to be stored before it gets its terminal event all the same. */
const FOREGROUND_MS = 5000

/**
 * Stores how an execution ended, exactly once. While the database is away the writer tries again (see
 * TURN_FINISH_RETRY_MS): the caller waits for some seconds of that, the rest happens behind its back, so that
 * no answer is lost by a restart of Postgres.
 *
 * @returns false when the execution was ended by somebody else before, or the database refused the result.
 */
export async function storeResult({ turns, log }: StoreResultServices, turn: FinishTurn): Promise<boolean> {
  const fields = { executionId: turn.executionId, orgId: turn.orgId }
  const stored = turns.finish(turn).then(
    (wasRunning) => {
      if (!wasRunning) log.warn(fields, LOG.resultOvertaken)
      return wasRunning
    },
    (error: unknown) => {
      log.error({ ...fields, err: error }, LOG.resultNotStored)
      return false
    }
  )
  return Promise.race([stored, elapsed(stored)])
}

/** Resolves with true after the wait, without a timer that outlives the result. */
function elapsed(until: Promise<unknown>): Promise<true> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FOREGROUND_MS, true)
    void until.then(() => clearTimeout(timer))
  })
}
