import { RequestError } from '@semibot/service-kit'

/** Longest token that is looked at; a JWT with a handful of claims has less than 1 KB. */
const MAX_TOKEN_CHARACTERS = 8192

/**
 * RFC 6750 section 2.1, but any printable character, since ADMIN_TOKEN may hold any. The scheme's name is
 * case-insensitive (RFC 9110 section 11.1).
 */
const BEARER = /^bearer +([\x21-\x7e]+) *$/i

/** A 401 that says what was wrong; `WWW-Authenticate` is what RFC 6750 section 3 wants beside it. */
export function unauthenticated(message: string): RequestError {
  return new RequestError('UNAUTHENTICATED', message, { headers: { 'www-authenticate': 'Bearer' } })
}

/**
 * The token of an `Authorization` header.
 *
 * @throws RequestError UNAUTHENTICATED when there is none.
 */
export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) {
    throw unauthenticated('Send an API key or a token in the header "Authorization: Bearer <token>".')
  }
  const token = authorization.length > MAX_TOKEN_CHARACTERS ? undefined : BEARER.exec(authorization)?.[1]
  if (token === undefined) throw unauthenticated('The Authorization header must be "Bearer <token>".')
  return token
}
