import rateLimit from '@fastify/rate-limit'
import { RequestError } from '@semibot/service-kit'
import type { onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { createAdminTokenFinder } from '../auth/admin-token.ts'
import { bearerToken, unauthenticated } from '../auth/bearer-token.ts'
import { ADMIN_FAILURES_PER_MINUTE } from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import { createWindowCounter } from '../limits/window-counter.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** onRequest hook: lets only the operator in, who holds ADMIN_TOKEN. */
    requireAdmin: onRequestAsyncHookHandler
  }
  interface FastifyRequest {
    /** Name of the ADMIN_TOKEN that let this request in; `''` before. */
    operator: string
  }
}

/** Addresses whose wrong tries are remembered; IPv6 ones by their /64 network. */
const MAX_ADDRESSES = 10_000

/** Decorates `app.requireAdmin` and `request.operator`. */
export const adminAuthPlugin = fp(
  async (app) => {
    const nameOf = createAdminTokenFinder(app.env.ADMIN_TOKEN)
    const failures = createWindowCounter({ windowMs: 60_000, maxKeys: MAX_ADDRESSES })

    const requireAdmin: onRequestAsyncHookHandler = async (request) => {
      const address = rateLimit.normalizeIP(request.ip)
      const { count, endsInMs } = failures.read(address)
      if (count >= ADMIN_FAILURES_PER_MINUTE) {
        // Also with the right token: otherwise the answer would tell a guesser that it was the right one.
        throw new RequestError('RATE_LIMITED', 'Too many wrong tokens from this address; try again later.', {
          retryAfterSeconds: endsInMs / 1000
        })
      }
      const name = nameOf(bearerToken(request.headers.authorization))
      if (name !== undefined) {
        request.operator = name
        return
      }
      failures.increment(address)
      request.log.warn({ address }, LOG.wrongAdminToken)
      throw unauthenticated('This needs the operator token (ADMIN_TOKEN).')
    }
    app.decorateRequest('operator', '')
    app.decorate('requireAdmin', requireAdmin)
  },
  { name: 'admin-auth', dependencies: ['environment'] }
)
