import {
  envelope,
  type FallbackEventBody,
  fallbackEventSchema,
  fallbackForceSchema,
  fallbackOrderedSchema,
  fallbackResetRequestSchema,
  fallbackResetSchema,
  fallbackStatusSchema,
  listEnvelope,
  pageQuerySchema
} from '@semibot/chat-protocol'
import { listFallbackEvents } from '@semibot/db'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { OPERATOR_DATABASE_WAIT_MS } from '../../../constants/config.ts'
import { LOG } from '../../../constants/log-messages.ts'
import { describeEvent, describeFallback } from '../../../monitoring/describe-fallback.ts'
import type { Ordered } from '../../../monitoring/operator-orders.ts'
import { actorOf } from './actor.ts'

const tags = ['runtime']
/** Changes that the status shows. */
const STATUS_HISTORY = 10

/** Whether chats fall back, why, since when, and the orders that change it. */
export const fallbackRoutes: FastifyPluginAsyncZod = async (app) => {
  const { backgroundDb: db, operatorOrders } = app

  app.get(
    '/fallback/status',
    {
      schema: {
        tags,
        summary: 'Whether chats fall back, and everything that it depends on',
        response: { 200: envelope(fallbackStatusSchema) }
      }
    },
    async () => {
      const history = await latestEvents()
      return { success: true as const, data: describe(app.fallbackStatus(), history) }
    }
  )

  app.get(
    '/fallback/history',
    {
      schema: {
        tags,
        summary: 'Changes of the fallback, newest first',
        querystring: pageQuerySchema,
        response: { 200: listEnvelope(fallbackEventSchema) }
      }
    },
    async ({ query }) => {
      const { items, nextCursor } = await listFallbackEvents(db, query)
      return {
        success: true as const,
        data: items.map(describeEvent),
        meta: { nextCursor, hasMore: nextCursor !== null }
      }
    }
  )

  app.post(
    '/fallback/reset',
    {
      schema: {
        tags,
        summary: 'Let chats use the runtime again',
        description:
          'Closed at once on every replica, with an empty window; ends a force, too. It stays so unless new calls fail.',
        body: fallbackResetRequestSchema,
        response: { 200: fallbackResetSchema }
      }
    },
    async (request) => {
      const ordered = await operatorOrders.reset(actorOf(request))
      return { success: true as const, message: '回退状态已重置' as const, data: await describeOrdered(ordered) }
    }
  )

  app.post(
    '/fallback/force',
    {
      schema: {
        tags,
        summary: 'Force the fallback open or closed for a while, or end that',
        description:
          '`open` is the kill switch: from now on no chat uses the runtime. It is kept in the database, survives restarts, and works also while the database is away.',
        body: fallbackForceSchema,
        response: { 200: envelope(fallbackOrderedSchema) }
      }
    },
    async (request) => {
      const { mode, reason = '', expiresInSeconds } = request.body
      const ordered = await operatorOrders.force({ mode, reason, expiresInSeconds, actor: actorOf(request) })
      return { success: true as const, data: await describeOrdered(ordered) }
    }
  )

  function describe(status: Ordered['status'], history: FallbackEventBody[] | null) {
    return describeFallback(status, app.runtimeHealth.healthCheckCache, history)
  }

  async function describeOrdered({ status, stored }: Ordered) {
    return { ...describe(status, stored ? await latestEvents() : null), stored }
  }

  /** null when the database does not answer: the state is worth knowing just then. */
  async function latestEvents(): Promise<FallbackEventBody[] | null> {
    const late = Promise.withResolvers<null>()
    const timer = setTimeout(late.resolve, OPERATOR_DATABASE_WAIT_MS, null)
    const found = listFallbackEvents(db, { limit: STATUS_HISTORY }).then(
      ({ items }) => items.map(describeEvent),
      (error: unknown) => {
        app.log.warn({ err: error }, LOG.historyNotRead)
        return null
      }
    )
    return Promise.race([found, late.promise]).finally(() => clearTimeout(timer))
  }
}
