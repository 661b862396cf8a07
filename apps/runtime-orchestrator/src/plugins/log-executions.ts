import { type ModelPrice, priceOf } from '@semibot/config'
import { traceIdOf } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import { costOf } from '../agent/step-budget.ts'
import { LOG } from '../constants/log-messages.ts'
import type { ExecutionObserver } from '../engine/inline-execution.ts'

/**
 * One line when an execution begins and one when it ends, with what it cost where that is known; never anything that
 * was said.
 */
export function createExecutionLog(logger: FastifyBaseLogger, prices: readonly ModelPrice[] = []): ExecutionObserver {
  return {
    started: ({ executionId, sessionId, orgId, agent }, { requestId, traceparent, attempt, budgetMs }) => {
      const { slug, model, tools } = agent
      const call = { traceId: traceIdOf(traceparent), attempt, budgetMs, agent: slug, model, tools: tools.length }
      logger.info({ executionId, sessionId, orgId, requestId, ...call }, LOG.executionStarted)
    },

    ended: ({ executionId, sessionId, orgId, agent }, { requestId, traceparent, attempt }, outcome, report) => {
      const { startedAt, endedAt, usage, lastSeq } = report
      const ids = { executionId, sessionId, orgId, requestId, traceId: traceIdOf(traceparent), attempt }
      const price = priceOf(prices, agent.model)
      const cost = price === undefined || usage === null ? {} : { costUsd: costOf(price, usage) }
      const fields = { ...ids, latencyMs: (endedAt ?? startedAt) - startedAt, events: lastSeq, usage, ...cost }
      if (outcome.status === 'completed')
        logger.info({ ...fields, finishReason: outcome.finishReason }, LOG.executionCompleted)
      else if (outcome.status === 'cancelled')
        logger.info({ ...fields, reason: outcome.reason }, LOG.executionCancelled)
      else if (outcome.status === 'interrupted') logger.warn(fields, LOG.executionInterrupted)
      else {
        const { code, origin, message } = outcome.error
        logger.warn({ ...fields, code, origin, error: message }, LOG.executionFailed)
        if (outcome.unexpected !== undefined) logger.error({ ...ids, err: outcome.unexpected }, LOG.unexpectedError)
      }
    }
  }
}

/** For executions that nobody asked for, such as probes. */
export const SILENT: ExecutionObserver = { started: () => undefined, ended: () => undefined }
