import { externalUserIdSchema, HEADERS } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import { hashesEqual, isApiKey, parseApiKey } from './api-key.ts'
import { bearerToken, unauthenticated } from './bearer-token.ts'
import type { Caller } from './caller.ts'
import type { Credentials } from './credentials.ts'
import type { JwtVerifier } from './jwt.ts'

/** The headers that say who calls. */
export interface CallerHeaders {
  authorization?: string | undefined
  [HEADERS.userId]?: string | string[] | undefined
}

/** Compared with when a key's id is unknown, so that the answer takes as long as for a known one. */
const NO_HASH = Buffer.alloc(32)

function userIdHeader(headers: CallerHeaders): string | undefined {
  const value = headers[HEADERS.userId]
  if (value === undefined) return undefined
  const parsed = externalUserIdSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const message = parsed.error.issues[0]?.message ?? 'is not as expected'
  throw new RequestError('VALIDATION_FAILED', `The header ${HEADERS.userId} ${message}.`)
}

/**
 * Finds out who calls: an organisation by its API key (for one of its end users when x-user-id names
 * one), or an end user by a JSON Web Token.
 *
 * @throws RequestError UNAUTHENTICATED, or VALIDATION_FAILED for a malformed x-user-id.
 */
export function createAuthenticator(credentials: Credentials, jwt: JwtVerifier) {
  async function byApiKey(token: string, externalUserId: string | undefined): Promise<Caller> {
    const presented = parseApiKey(token)
    if (presented === null) throw unauthenticated('The API key is malformed: expected sb_<id>_<secret>.')
    const key = await credentials.apiKey(presented.id)
    const matches = hashesEqual(presented.hash, key?.hash ?? NO_HASH)
    if (key === undefined || !matches) throw unauthenticated('The API key is unknown, wrong or revoked.')

    const { orgId, orgSlug, role, id: keyId } = key
    const caller = { orgId, orgSlug, kind: 'api_key', role, keyId } as const
    if (externalUserId === undefined) return { ...caller, userId: null }
    return { ...caller, externalUserId, userId: await credentials.userId(orgId, externalUserId) }
  }

  async function byJwt(token: string, externalUserId: string | undefined): Promise<Caller> {
    const { sub, orgId, role, keyId } = await jwt.verify(token)
    if (externalUserId !== undefined && externalUserId !== sub) {
      throw new RequestError('FORBIDDEN', `A token speaks for its own user; ${HEADERS.userId} belongs to API keys.`)
    }
    const organization = await credentials.organization(orgId)
    if (organization === undefined) throw unauthenticated("The token's organisation does not exist.")
    if (keyId !== undefined && (await credentials.apiKey(keyId))?.orgId !== orgId) {
      throw unauthenticated('The API key that made this token has been revoked.')
    }
    const caller = { orgId, orgSlug: organization.slug, kind: 'jwt', role, externalUserId: sub } as const
    const userId = await credentials.userId(orgId, sub)
    return keyId === undefined ? { ...caller, userId } : { ...caller, keyId, userId }
  }

  return async function authenticate(headers: CallerHeaders): Promise<Caller> {
    const token = bearerToken(headers.authorization)
    const externalUserId = userIdHeader(headers)
    return isApiKey(token) ? await byApiKey(token, externalUserId) : await byJwt(token, externalUserId)
  }
}
