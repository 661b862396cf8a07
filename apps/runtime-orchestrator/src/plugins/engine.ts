import type { RuntimeEnv } from '@semibot/config'
import type { RuntimeMetrics } from '@semibot/metrics'
import type { Tracing } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import type { ModelAccess } from '../agent/model-access.ts'
import { createAgentObserver } from '../agent/observe.ts'
import { runAgent } from '../agent/run-agent.ts'
import { runPlain } from '../agent/run-plain.ts'
import { runProbe } from '../agent/run-probe.ts'
import { traceRuns } from '../agent/trace-run.ts'
import { EVENT_LOG_LIMITS, EVENT_LOG_SWEEP_MS, LEASE_IDLE_MS, LEASE_MS, LEASE_RENEW_MS } from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import type { StepRunner } from '../engine/durability.ts'
import { DurableEngine } from '../engine/durable-engine.ts'
import type { ExecutionEngine } from '../engine/execution-engine.ts'
import { InlineEngine } from '../engine/inline-engine.ts'
import type { Journal } from '../engine/journal.ts'
import { Lease } from '../engine/lease.ts'
import { MemoryEventLog } from '../engine/memory-event-log.ts'
import type { ToolCatalogue } from '../tools/catalogue.ts'
import type { RuntimeDatabase } from './database.ts'
import { createExecutionLog, SILENT } from './log-executions.ts'

type LimitKey =
  | 'RUNTIME_MAX_STEPS'
  | 'RUNTIME_MAX_TOOL_CALLS'
  | 'RUNTIME_MAX_TOKENS'
  | 'RUNTIME_MAX_COST_USD'
  | 'LLM_PRICES'

export interface EngineParts {
  env: Pick<RuntimeEnv, LimitKey | 'LLM_PROVIDER'>
  instance: string
  models: ModelAccess
  tools: ToolCatalogue
  database: RuntimeDatabase
  journal: Journal
  metrics: RuntimeMetrics
  tracing: Tracing
  logger: FastifyBaseLogger
}

export interface Engines {
  /** Runs what callers ask for. */
  engine: ExecutionEngine
  /** Runs probes: neither counted, logged, nor findable. */
  probes: ExecutionEngine
  /** This process will end: durable runs are given to others, each when it has come to the end of a step. */
  handOver(): void
  /** Gives up the durable runs that are left. */
  close(): Promise<void>
}

/** The engine with everything that an execution needs. */
export function createEngines(parts: EngineParts): Engines {
  const { env, instance, journal, models, tools, metrics, tracing, logger } = parts
  const limits = {
    maxSteps: env.RUNTIME_MAX_STEPS,
    maxToolCalls: env.RUNTIME_MAX_TOOL_CALLS,
    maxTokens: env.RUNTIME_MAX_TOKENS,
    maxCostUsd: env.RUNTIME_MAX_COST_USD === 0 ? undefined : env.RUNTIME_MAX_COST_USD,
    prices: env.LLM_PRICES
  }
  const observer = createAgentObserver(parts)
  const run = traceRuns(tracing, env.LLM_PROVIDER, async (context, runStep) => {
    const { agent, orgId } = context.request
    if (agent.tools.length === 0) return runPlain(context, models, metrics)
    const model = models.agentModel(agent.model)
    const agentTools = await tools.select(orgId, agent.tools)
    return runAgent(context, { model, tools: agentTools, runStep, observer })
  })

  const log = new MemoryEventLog({ ...EVENT_LOG_LIMITS, onDropped: (id) => engine.forget(id) })
  const lease = new Lease({
    renew: () => journal.renewLease(instance),
    leaseMs: LEASE_MS,
    renewMs: LEASE_RENEW_MS,
    idleMs: LEASE_IDLE_MS
  })
  const engine = new DurableEngine({
    instance,
    log,
    limits,
    run,
    observer: createExecutionLog(logger, env.LLM_PRICES),
    journal,
    lease,
    onTakenOver: ({ executionId, sessionId, orgId }, epoch) =>
      logger.info({ executionId, sessionId, orgId, owners: epoch }, LOG.executionTakenOver),
    onLost: ({ executionId, sessionId, orgId }) => logger.warn({ executionId, sessionId, orgId }, LOG.executionLost)
  })
  const sweeper = setInterval(() => log.sweep(), EVENT_LOG_SWEEP_MS).unref()

  const probeLog = new MemoryEventLog({ ...EVENT_LOG_LIMITS, processBytes: 0, onDropped: (id) => probes.forget(id) })
  const probeRun: StepRunner = (context) => runProbe(context)
  const probes = new InlineEngine({ instance, log: probeLog, limits, run: probeRun, observer: SILENT })
  return {
    engine,
    probes,
    handOver: () => engine.handOver(),
    close: async () => {
      clearInterval(sweeper)
      await engine.close()
    }
  }
}
