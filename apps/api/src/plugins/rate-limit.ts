import fastifyRateLimit from '@fastify/rate-limit'
import { RequestError } from '@semibot/service-kit'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { CREDENTIAL_CACHE_ENTRIES } from '../constants/config.ts'
import { createRateLimitStore } from '../limits/rate-limit-store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** onRequest hook behind `app.authenticate`: ORG_RATE_LIMIT_PER_MINUTE requests of one organisation. */
    limitOrgRate: onRequestAsyncHookHandler
  }
}

const WINDOW_MS = 60_000

function isChat(request: FastifyRequest): boolean {
  return request.method === 'POST' && request.url.startsWith('/api/v1/chat')
}

/** Decorates `app.limitOrgRate`. */
export const rateLimitPlugin = fp(
  async (app) => {
    const max = app.env.ORG_RATE_LIMIT_PER_MINUTE
    if (max === 0) {
      app.decorate('limitOrgRate', async () => undefined)
      return
    }

    await app.register(fastifyRateLimit, {
      global: false,
      max,
      timeWindow: WINDOW_MS,
      store: createRateLimitStore({ pool: app.redisPool, windowMs: WINDOW_MS, maxKeys: CREDENTIAL_CACHE_ENTRIES }),
      keyGenerator: (request) => request.caller.orgId,
      onExceeded: (request) => {
        if (!isChat(request)) return
        app.chatMetrics.shed('org_rate')
        app.chatMetrics.requestFinished('rejected')
      },
      errorResponseBuilder: (_request, { ttl }) =>
        new RequestError('RATE_LIMITED', `Your organisation may send ${max} requests per minute.`, {
          retryAfterSeconds: ttl / 1000
        })
    })
    app.decorate('limitOrgRate', app.rateLimit() as unknown as onRequestAsyncHookHandler)
  },
  { name: 'rate-limit', dependencies: ['environment', 'metrics', 'redis', 'org-auth'] }
)
