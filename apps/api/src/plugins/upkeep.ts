import {
  deleteExpiredIdempotencyKeys,
  endOverdueRuns,
  ensurePartitions,
  heartbeat,
  retireInstance,
  sweepOrphans
} from '@semibot/db'
import fp from 'fastify-plugin'
import { endForgotten } from '../chat/end-forgotten.ts'
import type { RunningExecution } from '../chat/running-executions.ts'
import {
  FORGOTTEN_MS,
  INSTANCE_HEARTBEAT_MS,
  INSTANCE_STALE_MS,
  PARTITION_MONTHS_AHEAD,
  PROGRESS_SAVE_MS,
  TURN_FINISH_RETRY_MS,
  UPKEEP_MS
} from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import { repeat } from '../repeat.ts'

/**
 * What the api does beside answering: says that it lives, adopts or ends the executions of processes that died, saves
 * long answers while they grow, and keeps the tables in shape. Failures are logged and met again next time.
 */
export const upkeepPlugin = fp(
  async (app) => {
    const { chat, backgroundDb: db, log } = app
    const saved = new WeakMap<RunningExecution, string>()

    const sayAlive = async () => {
      await heartbeat(db, { id: chat.instanceId, kind: 'api' })
      // What goes on in the runtimes is adopted; what is left is ended.
      await app.orphanage.look()
      const orphans = await sweepOrphans(db, { staleMs: INSTANCE_STALE_MS })
      for (const orphan of orphans) log.warn(orphan, LOG.orphanReleased)
    }

    const saveProgress = async () => {
      const due = chat.running.all().filter((running) => performance.now() - running.startedAt >= PROGRESS_SAVE_MS)
      await Promise.all(
        due.map(async (running) => {
          const content = running.partialText()
          if (content === '' || content === saved.get(running)) return
          saved.set(running, content)
          const { executionId, orgId, messageId, lastSeq } = running.events
          await chat.turns.saveProgress({ executionId, orgId, messageId, content, lastSeq })
        })
      )
    }

    const endWhatIsForgotten = async () => {
      await endOverdueRuns(db)
      const ended = await endForgotten(chat, db, TURN_FINISH_RETRY_MS)
      if (ended > 0) log.error({ ended }, LOG.forgottenEnded)
    }

    const tidy = async () => {
      await deleteExpiredIdempotencyKeys(db)
      await ensurePartitions(db, PARTITION_MONTHS_AHEAD)
    }

    const alive = repeat(INSTANCE_HEARTBEAT_MS, sayAlive, (error) => log.warn({ err: error }, LOG.heartbeatMissed))
    const loops = [
      alive,
      repeat(PROGRESS_SAVE_MS, saveProgress, (error) => log.warn({ err: error }, LOG.progressNotStored)),
      repeat(FORGOTTEN_MS, endWhatIsForgotten, (error) => log.warn({ err: error }, LOG.forgottenNotEnded)),
      repeat(UPKEEP_MS, tidy, (error) => log.warn({ err: error }, LOG.upkeepFailed))
    ]
    // The first heartbeat comes before the first chat, so that no other process takes ours for orphans.
    app.addHook('onReady', async () => {
      for (const loop of loops) loop.begin()
      await alive.current()
    })
    app.addHook('onClose', async () => {
      await Promise.all(loops.map((loop) => loop.stop()))
      await retireInstance(db, chat.instanceId).catch(() => {})
    })
  },
  { name: 'upkeep', dependencies: ['database', 'executors'] }
)
