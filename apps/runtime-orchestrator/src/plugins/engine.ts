import type { RuntimeEnv } from '@semibot/config'
import type { RuntimeMetrics } from '@semibot/metrics'
import type { FastifyBaseLogger } from 'fastify'
import type { ModelAccess } from '../agent/model-access.ts'
import { createAgentObserver } from '../agent/observe.ts'
import { runAgent } from '../agent/run-agent.ts'
import type { Runner } from '../agent/run-context.ts'
import { runPlain } from '../agent/run-plain.ts'
import { runProbe } from '../agent/run-probe.ts'
import { inlineSteps } from '../agent/step.ts'
import { EVENT_LOG_LIMITS, EVENT_LOG_SWEEP_MS } from '../constants/config.ts'
import type { ExecutionEngine } from '../engine/execution-engine.ts'
import { InlineEngine } from '../engine/inline-engine.ts'
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
  env: Pick<RuntimeEnv, LimitKey>
  instance: string
  models: ModelAccess
  tools: ToolCatalogue
  database: RuntimeDatabase
  metrics: RuntimeMetrics
  logger: FastifyBaseLogger
}

export interface Engines {
  /** Runs what callers ask for. */
  engine: ExecutionEngine
  /** Runs probes: neither counted, logged, nor findable. */
  probes: ExecutionEngine
  close(): void
}

/** The engine with everything that an execution needs. */
export function createEngines(parts: EngineParts): Engines {
  const { env, instance, models, tools, metrics, logger } = parts
  const limits = {
    maxSteps: env.RUNTIME_MAX_STEPS,
    maxToolCalls: env.RUNTIME_MAX_TOOL_CALLS,
    maxTokens: env.RUNTIME_MAX_TOKENS,
    maxCostUsd: env.RUNTIME_MAX_COST_USD === 0 ? undefined : env.RUNTIME_MAX_COST_USD,
    prices: env.LLM_PRICES
  }
  const observer = createAgentObserver(parts)
  const run: Runner = async (context) => {
    const { agent, orgId } = context.request
    if (agent.tools.length === 0) return runPlain(context, models, metrics)
    const model = models.agentModel(agent.model)
    const agentTools = await tools.select(orgId, agent.tools)
    return runAgent(context, { model, tools: agentTools, runStep: inlineSteps(context.signal), observer })
  }

  const log = new MemoryEventLog({ ...EVENT_LOG_LIMITS, onDropped: (id) => engine.forget(id) })
  const engine = new InlineEngine({ instance, log, limits, run, observer: createExecutionLog(logger) })
  const sweeper = setInterval(() => log.sweep(), EVENT_LOG_SWEEP_MS).unref()

  const probeLog = new MemoryEventLog({ ...EVENT_LOG_LIMITS, processBytes: 0, onDropped: (id) => probes.forget(id) })
  const probeRun: Runner = (context) => runProbe(context)
  const probes = new InlineEngine({ instance, log: probeLog, limits, run: probeRun, observer: SILENT })
  return { engine, probes, close: () => clearInterval(sweeper) }
}
