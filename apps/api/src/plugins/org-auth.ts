import type { onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { createAuthenticator } from '../auth/authenticate.ts'
import type { Caller } from '../auth/caller.ts'
import { createJwtSigner, createJwtVerifier, type JwtSigner } from '../auth/jwt.ts'
import { loadPublicKeys } from '../auth/jwt-keys.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** onRequest hook: finds out who calls and sets `request.caller`. */
    authenticate: onRequestAsyncHookHandler
    /** Makes tokens for end users; null when there is no JWT_HS256_SECRET. */
    jwtSigner: JwtSigner | null
  }

  interface FastifyRequest {
    /** Only on routes behind `app.authenticate`. */
    caller: Caller
  }
}

/** Decorates `app.authenticate` and `request.caller`. */
export const orgAuthPlugin = fp(
  async (app) => {
    const { env } = app
    const options = {
      hs256Secret: env.JWT_HS256_SECRET,
      publicKeys: env.JWT_PUBLIC_KEYS_FILE === undefined ? undefined : await loadPublicKeys(env.JWT_PUBLIC_KEYS_FILE),
      issuer: env.JWT_ISSUER,
      audience: env.JWT_AUDIENCE
    }
    const authenticate = createAuthenticator(app.credentials, createJwtVerifier(options))
    const hook: onRequestAsyncHookHandler = async (request) => {
      request.caller = await authenticate(request.headers)
    }
    app.decorate('jwtSigner', createJwtSigner(options) ?? null)
    app.decorateRequest('caller', null as never)
    app.decorate('authenticate', hook)
  },
  { name: 'org-auth', dependencies: ['environment', 'database'] }
)
