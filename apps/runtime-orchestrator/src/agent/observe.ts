import type { RuntimeMetrics } from '@semibot/metrics'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../constants/log-messages.ts'
import type { RuntimeDatabase } from '../plugins/database.ts'
import type { ModelAccess } from './model-access.ts'
import type { AgentObserver } from './run-agent.ts'

export interface ObserverParts {
  models: ModelAccess
  metrics: RuntimeMetrics
  logger: FastifyBaseLogger
  database: Pick<RuntimeDatabase, 'toolCallStarted' | 'toolCallFinished'>
}

/** Counts, logs and records what an agent does. Nothing here may hold up or fail an execution. */
export function createAgentObserver({ models, metrics, logger, database }: ObserverParts): AgentObserver {
  /** Rows that are being written, so that the end of a call never overtakes its beginning. */
  const begun = new Map<string, Promise<unknown>>()
  return {
    modelCallFinished: (seconds, error) => {
      metrics.step('llm', seconds)
      if (error === undefined) models.succeeded()
      else models.failed(error)
    },

    toolCallStarted: ({ request: { executionId, orgId } }, { id, name, source, effect, input }) => {
      const call = { executionId, id, name, source, effect, input }
      begun.set(`${executionId}:${id}`, recorded(database.toolCallStarted(orgId, call), executionId, id))
    },

    toolCallFinished: (
      { request: { executionId, orgId } },
      { id, name },
      { status, text, error, durationMs, cause }
    ) => {
      metrics.step('tool', durationMs / 1000)
      metrics.toolCall(name, status)
      if (cause !== undefined) logger.warn({ executionId, toolCallId: id, tool: name, err: cause }, LOG.toolFailed)
      const key = `${executionId}:${id}`
      const call = { executionId, id, status, durationMs, ...(error === undefined ? { output: text } : { error }) }
      const start = begun.get(key) ?? Promise.resolve()
      void start
        .then(() => recorded(database.toolCallFinished(orgId, call), executionId, id))
        .finally(() => begun.delete(key))
    }
  }

  async function recorded(write: Promise<unknown>, executionId: string, toolCallId: string): Promise<void> {
    try {
      await write
    } catch (error) {
      logger.debug({ executionId, toolCallId, err: error }, LOG.toolNotRecorded)
    }
  }
}
