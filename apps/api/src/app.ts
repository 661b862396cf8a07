import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { createDrain, createServer, type Drain, type Server, type ServiceLogger } from '@semibot/service-kit'
import { describeError } from './describe-error.ts'
import type { ApiEnv } from './env.ts'
import { openApiPlugin } from './openapi/plugin.ts'
import { adminAuthPlugin } from './plugins/admin-auth.ts'
import { corsPlugin } from './plugins/cors.ts'
import { databasePlugin } from './plugins/database.ts'
import { environmentPlugin } from './plugins/environment.ts'
import { executorsPlugin } from './plugins/executors.ts'
import { fallbackPlugin } from './plugins/fallback.ts'
import { limitsPlugin } from './plugins/limits.ts'
import { metricsPlugin } from './plugins/metrics.ts'
import { monitoringPlugin } from './plugins/monitoring.ts'
import { orgAuthPlugin } from './plugins/org-auth.ts'
import { rateLimitPlugin } from './plugins/rate-limit.ts'
import { redisPlugin } from './plugins/redis.ts'
import { securityHeadersPlugin } from './plugins/security-headers.ts'
import { openTracing } from './plugins/tracing.ts'
import { upkeepPlugin } from './plugins/upkeep.ts'
import { healthPlugin } from './routes/health.ts'
import { v1Routes } from './routes/v1/index.ts'

export interface AppOptions {
  env: ApiEnv
  logger: ServiceLogger
  version: string
}

/** How long the last events of ended streams may take to reach their readers. */
const FLUSH_MS = 6000

/** The api, ready to listen. What runs is what is registered here, in this order. */
export async function buildApp({ env, logger, version }: AppOptions): Promise<Server> {
  // Unique per start, so that a restarted process never owns its predecessor's executions.
  const instanceId = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`
  const tracing = await openTracing({ env, logger: logger.logger, version, instanceId })
  const trustProxy = [...env.TRUST_PROXY]
  const app = createServer({ logger: logger.logger, trustProxy, mapError: describeError, tracing })
  const drain: Drain = createDrain({ graceMs: env.SHUTDOWN_GRACE_MS, flushMs: FLUSH_MS })
  drain.hook(app)
  // The first to be added is the last to run: everything else may still end its spans.
  app.addHook('onClose', () => tracing.close())

  await app.register(environmentPlugin, { env })
  await app.register(securityHeadersPlugin)
  await app.register(corsPlugin)
  await app.register(metricsPlugin, { version, droppedLines: logger.droppedLines, spans: tracing.counts })
  await app.register(databasePlugin)
  await app.register(redisPlugin)
  await app.register(orgAuthPlugin)
  await app.register(adminAuthPlugin)
  await app.register(rateLimitPlugin)
  await app.register(limitsPlugin)
  await app.register(fallbackPlugin, { instanceId })
  await app.register(monitoringPlugin, { instanceId })
  await app.register(executorsPlugin, { drain, instanceId, tracing })
  await app.register(upkeepPlugin)

  await app.register(openApiPlugin, { version })
  await app.register(healthPlugin, { drain })
  await app.register(v1Routes, { prefix: '/api/v1' })
  return app
}
