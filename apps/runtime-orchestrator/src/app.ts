import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { Registry } from '@prometheus-io/client'
import { createDependencyMetrics, createRuntimeMetrics, createServiceMetrics } from '@semibot/metrics'
import {
  createDrain,
  createServer,
  healthRoutes,
  metricsPlugin,
  type ServiceLogger,
  type TlsMaterial
} from '@semibot/service-kit'
import { DRAIN_FLUSH_MS } from './constants/config.ts'
import { LOG } from './constants/log-messages.ts'
import { executionTimeoutMs, nodeFlags, type ServiceEnv } from './env.ts'
import { createCapacity, localPlaces } from './plugins/capacity.ts'
import { createRuntimeDatabase } from './plugins/database.ts'
import { createEngines } from './plugins/engine.ts'
import { createJournal } from './plugins/journal.ts'
import { watchMemory } from './plugins/memory.ts'
import { createModels } from './plugins/models.ts'
import { createServiceAuth } from './plugins/service-auth.ts'
import { openTracing } from './plugins/tracing.ts'
import { readiness } from './routes/health.ts'
import { probeRoutes } from './routes/probe.ts'
import { executeRoutes } from './routes/v1/execute.ts'
import { executionRoutes } from './routes/v1/executions.ts'
import { BUILTIN_TOOLS, createBuiltinTools } from './tools/builtin-tools.ts'
import { createToolCatalogue } from './tools/catalogue.ts'
import { createMcpTools } from './tools/mcp/mcp-tools.ts'
import type { ToolSource } from './tools/tool.ts'
import { VERSION } from './version.ts'
import { createPlaces } from './workers/places.ts'
import { createPeerServer } from './workers/serve-peers.ts'
import { joinWorkers, type WorkerLink, workerPlaces } from './workers/worker-link.ts'

export interface AppOptions extends Pick<ServiceLogger, 'logger'>, Partial<Pick<ServiceLogger, 'droppedLines'>> {
  /** Sources of tools beside those that every runtime has; they are closed with the service. */
  moreTools?: readonly ToolSource[]
  /** This process is one of several workers: it shares its places, its metrics and its executions with them. */
  link?: WorkerLink | undefined
  /** HTTPS with HTTP/2 and HTTP/1.1 in place of plain HTTP/1.1. */
  tls?: TlsMaterial | undefined
}

/** The whole service, not yet listening: what it consists of, in the order in which it is built. */
export async function buildApp(loaded: ServiceEnv, { logger, droppedLines, moreTools = [], link, tls }: AppOptions) {
  const env = loaded.values
  const instance = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
  const tracing = await openTracing({ env, logger, version: VERSION, instance })
  const app = createServer({ logger, tls, trustProxy: [...env.TRUST_PROXY], tracing })
  const drain = createDrain({ graceMs: env.SHUTDOWN_GRACE_MS, flushMs: DRAIN_FLUSH_MS })
  drain.hook(app)
  drain.onDrain(() => app.log.info(LOG.draining))
  // The first to be added is the last to run: everything else may still end its spans.
  app.addHook('onClose', () => tracing.close())

  const registry = new Registry()
  const counted = droppedLines === undefined ? {} : { droppedLines }
  createServiceMetrics(registry, { version: VERSION, spans: tracing.counts, ...counted })
  const dependencyMetrics = createDependencyMetrics(registry)
  const database = createRuntimeDatabase({ url: env.DATABASE_URL, logger: app.log, metrics: dependencyMetrics })
  const mcp = createMcpTools({ servers: loaded.mcpServers ?? [], version: VERSION, registry, logger: app.log })
  const tools = createToolCatalogue([createBuiltinTools(database), mcp, ...moreTools])
  const metrics = createRuntimeMetrics(registry, { tools: BUILTIN_TOOLS })
  const models = createModels(env)
  const { connections } = models.provider
  if (connections !== undefined) dependencyMetrics.observeHttpClient('model', connections)
  const { journal, close: closeJournal } = createJournal(env.DATABASE_URL, {
    down: (error) => app.log.warn({ err: error }, LOG.journalDown),
    up: () => app.log.info(LOG.journalUp)
  })
  const engines = createEngines({ env, instance, models, tools, database, journal, metrics, tracing, logger: app.log })
  // Half of the grace is for runs to end by themselves, the rest to give them away where nothing is under way.
  drain.onDrain(() => setTimeout(engines.handOver, env.SHUTDOWN_GRACE_MS / 2).unref())
  const memory = watchMemory({
    highWater: env.RUNTIME_MEMORY_HIGH_WATER,
    flags: nodeFlags(),
    metrics,
    logger: app.log
  })
  const limit = env.RUNTIME_MAX_CONCURRENT_EXECUTIONS
  const places = link === undefined ? localPlaces(createPlaces(limit)) : workerPlaces(link, limit)
  const capacity = createCapacity({ places, memory, metrics, draining: () => drain.draining })
  const peers = link && createPeerServer(app, link, drain)
  if (link === undefined) metrics.setWorkers(1)
  else joinWorkers(link, registry)

  const separate = { host: env.RUNTIME_HOST, port: env.METRICS_PORT }
  const collect = link && (() => link.ask('metrics', null))
  await app.register(metricsPlugin, { registry, token: env.METRICS_TOKEN, separate, collect })
  await app.register(healthRoutes, { drain, ready: () => readiness({ database, models, mcp, link }) })
  await app.register(async (scope) => {
    scope.addHook('onRequest', createServiceAuth(env.RUNTIME_SERVICE_TOKEN))
    const { engine, probes } = engines
    const timeoutMs = executionTimeoutMs(loaded)
    await scope.register(probeRoutes, { engine: probes, capacity, instance })
    await scope.register(executeRoutes, { prefix: '/api/v1', engine, capacity, drain, tools, timeoutMs, peers })
    await scope.register(executionRoutes, { prefix: '/api/v1', engine, drain, peers })
  })

  app.addHook('onClose', async () => {
    await engines.close()
    memory.close()
    await Promise.all([tools.close(), models.provider.close(), database.close(), closeJournal()])
  })
  return app
}
