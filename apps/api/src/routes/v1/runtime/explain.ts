import { envelope, explainQuerySchema, modeExplanationSchema } from '@semibot/chat-protocol'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { explainMode } from '../../../monitoring/explain-mode.ts'
import { findOrganizationOrThrow } from './find-organization.ts'

/** Why a chat gets the mode that it gets. */
export const explainRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/explain',
    {
      schema: {
        tags: ['runtime'],
        summary: 'Which mode the next chat of a session gets, and every rule that it depends on',
        description:
          'The rules stand in the order in which they are asked; the first one that applies decides. Nothing is taken or changed by asking.',
        querystring: explainQuerySchema,
        response: { 200: envelope(modeExplanationSchema) }
      }
    },
    async ({ query }) => {
      const { id, slug } = await findOrganizationOrThrow(app.backgroundDb, query.orgId)
      const seen = app.breaker.peek(query.sessionId)
      const data = explainMode({
        rules: app.cutover(),
        view: { refusal: seen.allowed ? null : seen },
        status: app.breaker.status(),
        question: { orgId: id, orgSlug: slug, sessionId: query.sessionId }
      })
      return { success: true as const, data }
    }
  )
}
