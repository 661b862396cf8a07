import { type FinishedToolCall, TOOL_STOPPED } from '@semibot/db'
import type { RuntimeMetrics } from '@semibot/metrics'
import { traceIdOf } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import { LOG } from '../constants/log-messages.ts'
import type { RuntimeDatabase } from '../plugins/database.ts'
import type { ModelAccess } from './model-access.ts'
import type { AgentObserver } from './run-agent.ts'
import type { RunContext } from './run-context.ts'

export interface ObserverParts {
  models: ModelAccess
  metrics: RuntimeMetrics
  logger: FastifyBaseLogger
  database: Pick<RuntimeDatabase, 'toolCallStarted' | 'toolCallFinished'>
}

/** Counts, logs and records what an agent does. Nothing here may hold up or fail an execution. */
export function createAgentObserver({ models, metrics, logger, database }: ObserverParts): AgentObserver {
  /** Rows that are being written now, so that the end of a call never overtakes its beginning. */
  const begun = new Map<string, Promise<void>>()
  return {
    modelCallFinished: (seconds, error) => {
      metrics.step('llm', seconds)
      if (error === undefined) models.succeeded()
      else models.failed(error)
    },

    planStepFinished: (seconds) => metrics.step('plan', seconds),

    toolCallStarted: ({ request: { executionId, orgId } }, call) => {
      const { id } = call
      const key = `${executionId}:${id}`
      const row = database.toolCallStarted(orgId, { executionId, ...call })
      begun.set(
        key,
        recorded(row, executionId, id).finally(() => begun.delete(key))
      )
    },

    toolCallFinished: (run, { id, name }, result, cause) => {
      const { status, text, error, truncated, durationMs } = result
      metrics.step('tool', durationMs / 1000)
      metrics.toolCall(name, status)
      const traceId = traceIdOf(run.headers.traceparent)
      const call = { executionId: run.request.executionId, traceId, toolCallId: id, tool: name, durationMs }
      if (error !== undefined) {
        const thrown = cause === undefined ? {} : { err: cause }
        logger.warn({ ...call, status, code: error.code, error: error.message, ...thrown }, LOG.toolFailed)
      } else if (truncated) logger.warn({ ...call, outputBytes: Buffer.byteLength(text) }, LOG.toolOutputCut)
      recordEnd(run, { id, status, durationMs, ...(error === undefined ? { output: text } : { error }) })
    },

    toolCallStopped: (run, { id, effect }, seconds) => {
      const error = { code: TOOL_STOPPED, message: 'the execution was stopped while the tool ran' }
      const status = effect === 'unsafe' ? 'unknown' : 'error'
      recordEnd(run, { id, status, durationMs: Math.round(seconds * 1000), error })
    }
  }

  function recordEnd(
    { request: { executionId, orgId } }: RunContext,
    end: Omit<FinishedToolCall, 'executionId'>
  ): void {
    const start = begun.get(`${executionId}:${end.id}`) ?? Promise.resolve()
    void start.then(() => recorded(database.toolCallFinished(orgId, { executionId, ...end }), executionId, end.id))
  }

  async function recorded(write: Promise<unknown>, executionId: string, toolCallId: string): Promise<void> {
    try {
      await write
    } catch (error) {
      logger.debug({ executionId, toolCallId, err: error }, LOG.toolNotRecorded)
    }
  }
}
