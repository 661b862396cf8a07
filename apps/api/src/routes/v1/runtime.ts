import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { executionsRoutes } from './runtime/executions.ts'
import { explainRoutes } from './runtime/explain.ts'
import { fallbackRoutes } from './runtime/fallback.ts'
import { metricsRoutes } from './runtime/metrics.ts'

/**
 * The operator's API: how both ways of answering chats do, whether chats fall back and why, and the orders that
 * change it. Everything here needs ADMIN_TOKEN; no key or token of an organisation opens it, whatever its role.
 *
 * - `GET /api/v1/runtime/metrics`, `GET /api/v1/runtime/metrics/:orgId`, `GET /api/v1/runtime/instances`
 * - `GET /api/v1/runtime/fallback/status`, `GET /api/v1/runtime/fallback/history`
 * - `POST /api/v1/runtime/fallback/reset`, `POST /api/v1/runtime/fallback/force`
 * - `GET /api/v1/runtime/explain?orgId=&sessionId=`
 * - `GET /api/v1/runtime/executions`, `.../executions/unknown`, `.../executions/:id`, `POST .../executions/:id/cancel`
 */
export const runtimeRoutes: FastifyPluginAsyncZod = async (app) => {
  app.addHook('onRequest', app.requireAdmin)
  await app.register(metricsRoutes)
  await app.register(fallbackRoutes)
  await app.register(explainRoutes)
  await app.register(executionsRoutes)
}
