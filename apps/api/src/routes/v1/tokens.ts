import { createTokenSchema, envelope, tokenSchema } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'

/** Short-lived tokens: what a browser holds instead of the organisation's API key. */
export const tokenRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post(
    '/tokens',
    {
      schema: {
        tags: ['tokens'],
        summary: 'Make a token for one end user',
        description: 'Only with an API key. The token may do what a member may, for this user, and ends with its key.',
        body: createTokenSchema,
        response: { 201: envelope(tokenSchema) }
      }
    },
    async ({ caller, body }, reply) => {
      if (caller.kind !== 'api_key' || caller.keyId === undefined) {
        throw new RequestError('FORBIDDEN', 'Only an API key can make tokens.')
      }
      if (app.jwtSigner === null) {
        throw new RequestError('FORBIDDEN', 'This server makes no tokens: its operator must set JWT_HS256_SECRET.')
      }
      const { userId, expiresInSeconds } = body
      const expiresAt = Math.floor(Date.now() / 1000) + expiresInSeconds
      const claims = { sub: userId, orgId: caller.orgId, role: 'member', keyId: caller.keyId } as const
      const token = await app.jwtSigner.sign(claims, expiresAt)
      const data = { token, expiresAt: new Date(expiresAt * 1000).toISOString(), userId }
      // RFC 6749 section 5.1: an answer with a token is kept by nobody on the way.
      return reply.code(201).header('cache-control', 'no-store').send({ success: true, data })
    }
  )
}
