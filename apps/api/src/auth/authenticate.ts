import { externalUserIdSchema, HEADERS } from '@semibot/chat-protocol'
import { hashApiKey, isApiKey } from '@semibot/db'
import { RequestError } from '@semibot/service-kit'
import { bearerToken, unauthenticated } from './bearer-token.ts'
import type { Caller } from './caller.ts'
import type { Credentials } from './credentials.ts'
import type { JwtVerifier } from './jwt.ts'

/** The headers that say who calls. */
export interface CallerHeaders {
  authorization?: string | undefined
  [HEADERS.userId]?: string | string[] | undefined
}

function userIdHeader(headers: CallerHeaders): string | undefined {
  const value = headers[HEADERS.userId]
  if (value === undefined) return undefined
  const parsed = externalUserIdSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const message = parsed.error.issues[0]?.message ?? 'is not as expected'
  throw new RequestError('VALIDATION_FAILED', `${HEADERS.userId} ${message}.`)
}

/**
 * Finds out who calls: an organisation by its API key (for one of its end users when x-user-id names
 * one), or an end user by a JSON Web Token.
 *
 * @throws RequestError UNAUTHENTICATED; VALIDATION_FAILED for a malformed x-user-id; FORBIDDEN for one
 *   that is not the token's own user.
 */
export function createAuthenticator(credentials: Credentials, jwt: JwtVerifier) {
  async function byApiKey(token: string, headers: CallerHeaders): Promise<Caller> {
    if (!isApiKey(token)) throw unauthenticated('The API key is malformed: expected sb_<id>_<secret>.')
    const owner = await credentials.keyOwner(hashApiKey(token))
    if (owner === undefined) throw unauthenticated('The API key is unknown or revoked.')

    const caller = { ...owner, kind: 'api_key' } as const
    const externalUserId = userIdHeader(headers)
    if (externalUserId === undefined) return { ...caller, userId: null }
    return { ...caller, externalUserId, userId: await credentials.userId(owner.orgId, externalUserId) }
  }

  async function byJwt(token: string, headers: CallerHeaders): Promise<Caller> {
    const { sub, orgId, role, keyId } = await jwt.verify(token)
    const externalUserId = userIdHeader(headers)
    if (externalUserId !== undefined && externalUserId !== sub) {
      throw new RequestError('FORBIDDEN', `A token speaks for its own user; ${HEADERS.userId} is for API keys.`)
    }
    const organization = await credentials.organization(orgId)
    if (organization === undefined) throw unauthenticated("The token's organisation does not exist.")
    if (keyId !== undefined && !(await credentials.isKeyActive(orgId, keyId))) {
      throw unauthenticated('The API key that made this token has been revoked.')
    }
    const userId = await credentials.userId(orgId, sub)
    const caller = { orgId, orgSlug: organization.slug, kind: 'jwt', role, externalUserId: sub, userId } as const
    return keyId === undefined ? caller : { ...caller, keyId }
  }

  return async function authenticate(headers: CallerHeaders): Promise<Caller> {
    const token = bearerToken(headers.authorization)
    return token.startsWith('sb_') ? await byApiKey(token, headers) : await byJwt(token, headers)
  }
}
