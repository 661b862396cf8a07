import { createHash, timingSafeEqual } from 'node:crypto'
import { RequestError } from '@semibot/service-kit'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'

/**
 * Lets only callers in that send one of the tokens as bearer token; several are valid at once, so that a
 * token can be replaced without a gap. Without any token nobody comes in.
 */
export function createServiceAuth(tokens: readonly string[]): onRequestAsyncHookHandler {
  const digests = tokens.map(digest)
  return async (request) => {
    const given = bearerOf(request)
    if (given === undefined) throw refused('A service token is needed: Authorization: Bearer <token>.')
    // Hashes are of equal length, and all of them are compared: the time tells nothing about the tokens.
    const asked = digest(given)
    const matches = digests.map((known) => timingSafeEqual(known, asked))
    if (!matches.includes(true)) throw refused('The service token is not one of RUNTIME_SERVICE_TOKEN.')
  }
}

function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function refused(message: string): RequestError {
  return new RequestError('UNAUTHENTICATED', message, { headers: { 'www-authenticate': 'Bearer' } })
}
