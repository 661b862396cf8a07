import fastifyCors from '@fastify/cors'
import { HEADERS } from '@semibot/chat-protocol'
import fp from 'fastify-plugin'

/** Response headers that a page may read beside the ones that every page may read. */
const EXPOSED = [
  HEADERS.requestId,
  HEADERS.executionId,
  HEADERS.sessionId,
  HEADERS.executionMode,
  HEADERS.fallback,
  HEADERS.idempotencyReplayed,
  'retry-after'
]

/**
 * Lets the pages of CORS_ORIGINS call the api. Without any, no page of another origin may: then
 * nothing is registered. Callers send bearer tokens, never cookies, so credentials stay off.
 */
export const corsPlugin = fp(
  async (app) => {
    const origins = app.env.CORS_ORIGINS
    if (origins.length === 0) return
    await app.register(fastifyCors, {
      origin: [...origins],
      methods: ['GET', 'POST', 'PATCH', 'DELETE'],
      exposedHeaders: EXPOSED,
      maxAge: 600
    })
  },
  { name: 'cors', dependencies: ['environment'] }
)
