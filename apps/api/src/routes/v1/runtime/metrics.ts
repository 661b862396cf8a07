import {
  envelope,
  orgRuntimeMetricsSchema,
  runtimeInstanceSchema,
  runtimeMetricsSchema,
  shortText
} from '@semibot/chat-protocol'
import { orgMetrics } from '@semibot/db'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { describeInstance } from '../../../monitoring/describe-fallback.ts'
import { describeMode } from '../../../monitoring/describe-mode.ts'
import { RECENT_SECONDS } from '../../../monitoring/recent-executions.ts'
import { findOrganizationOrThrow } from './find-organization.ts'

const tags = ['runtime']

/** How both ways of answering chats do. */
export const metricsRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/metrics',
    {
      schema: {
        tags,
        summary: 'Figures of both modes over the last 300 s',
        description:
          'Of all replicas where they share a Redis, else of this one: `scope` says which. Asks no database.',
        response: { 200: envelope(runtimeMetricsSchema) }
      }
    },
    async () => {
      const shared = await app.collectExecutions()
      const snapshots = shared ?? [app.recentExecutions.snapshot()]
      const { fallback, fallbackReason, window } = app.fallbackStatus()
      const data = {
        windowSeconds: RECENT_SECONDS,
        scope: shared === null ? ('replica' as const) : ('cluster' as const),
        replicas: snapshots.length,
        direct: describeMode(snapshots.map((snapshot) => snapshot.direct_llm)),
        runtime: describeMode(snapshots.map((snapshot) => snapshot.runtime_orchestrator)),
        fallbackEnabled: fallback,
        fallbackReason,
        breaker: window
      }
      return { success: true as const, data }
    }
  )

  app.get(
    '/metrics/:orgId',
    {
      schema: {
        tags,
        summary: 'Figures of one organisation over the last 300 s',
        description: 'From its stored executions, each under the mode that answered it in the end.',
        params: z.object({ orgId: shortText(100).describe('Id or slug') }),
        response: { 200: envelope(orgRuntimeMetricsSchema) }
      }
    },
    async ({ params }) => {
      const { id, slug } = await findOrganizationOrThrow(app.backgroundDb, params.orgId)
      const figures = await app.backgroundReads.read((db) => orgMetrics(db, id, RECENT_SECONDS))
      return { success: true as const, data: { orgId: id, orgSlug: slug, ...figures } }
    }
  )

  app.get(
    '/instances',
    {
      schema: {
        tags,
        summary: 'The runtime instances as this replica sees them',
        response: { 200: envelope(z.array(runtimeInstanceSchema)) }
      }
    },
    async () => {
      const { instances } = app.fallbackStatus()
      const data = instances.map((instance) => describeInstance(instance, app.runtimeHealth.healthCheckCache))
      return { success: true as const, data }
    }
  )
}
