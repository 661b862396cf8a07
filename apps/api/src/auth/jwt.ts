import { createSecretKey, type KeyObject } from 'node:crypto'
import { externalUserIdSchema } from '@semibot/chat-protocol'
import type { RequestError } from '@semibot/service-kit'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { JWT_LEEWAY_SECONDS } from '../constants/config.ts'
import { unauthenticated } from './bearer-token.ts'
import { CALLER_ROLES } from './caller.ts'

const claimsSchema = z.object({
  sub: externalUserIdSchema,
  orgId: z.uuid('must be the id of an organisation').toLowerCase(),
  role: z.enum(CALLER_ROLES).default('member'),
  /** The API key that made the token; it lives no longer than its key. */
  keyId: z.string().min(1).max(64).optional()
})

/** What a verified token says about its bearer. */
type JwtClaims = z.infer<typeof claimsSchema>

export interface JwtOptions {
  /** Shared secret of HS256 tokens; without it none are accepted or made. */
  hs256Secret?: string | undefined
  /** Public keys of issuers with EdDSA or RS256 tokens. */
  publicKeys?: JSONWebKeySet | undefined
  /** Expected `iss`; also written into tokens made here. */
  issuer?: string | undefined
  /** Expected `aud`; also written into tokens made here. */
  audience?: string | undefined
  /** Milliseconds since the epoch. */
  now?: () => number
}

export interface JwtVerifier {
  /** @throws RequestError UNAUTHENTICATED that says why the token is not accepted. */
  verify(token: string): Promise<JwtClaims>
}

export interface JwtSigner {
  /** Makes an HS256 token that ends at `expiresAtSeconds` since the epoch. */
  sign(claims: JwtClaims, expiresAtSeconds: number): Promise<string>
}

function secretKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret, 'utf8'))
}

/** Says what was wrong with a token, without quoting it. */
function explain(error: unknown, algorithms: readonly string[]): RequestError {
  if (error instanceof errors.JWTExpired) return unauthenticated('The token has expired; get a new one.')
  if (error instanceof errors.JWTClaimValidationFailed) {
    const problem = error.reason === 'missing' ? 'is missing' : 'is not as expected'
    return unauthenticated(`The token's claim "${error.claim}" ${problem}.`)
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return unauthenticated(`The token's algorithm must be one of: ${algorithms.join(', ')}.`)
  }
  if (error instanceof errors.JWKSNoMatchingKey) return unauthenticated("No known key has the token's kid and alg.")
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return unauthenticated('The token needs a kid: several keys fit.')
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return unauthenticated("The token's signature does not match.")
  }
  return unauthenticated('The token is neither an API key (sb_...) nor a JSON Web Token.')
}

/**
 * Checks JSON Web Tokens (RFC 7519). Only the configured algorithms are accepted, and each only with
 * its own kind of key, so that a public key can never serve as an HMAC secret (RFC 8725 section 3.1).
 */
export function createJwtVerifier(options: JwtOptions): JwtVerifier {
  const hmacKey = options.hs256Secret === undefined ? undefined : secretKey(options.hs256Secret)
  const keySet = options.publicKeys === undefined ? undefined : createLocalJWKSet(options.publicKeys)
  const algorithms = [
    ...(hmacKey === undefined ? [] : (['HS256'] as const)),
    ...(keySet === undefined ? [] : (['EdDSA', 'RS256'] as const))
  ]
  const now = options.now ?? Date.now

  const resolveKey: JWTVerifyGetKey = async (header, token) => {
    if (header.alg === 'HS256' && hmacKey !== undefined) return hmacKey
    if (keySet !== undefined) return await keySet(header, token)
    throw new errors.JOSEAlgNotAllowed()
  }

  return {
    async verify(token) {
      if (algorithms.length === 0) throw unauthenticated('This server accepts no tokens, only API keys (sb_...).')
      let payload: unknown
      try {
        const verified = await jwtVerify(token, resolveKey, {
          algorithms,
          clockTolerance: JWT_LEEWAY_SECONDS,
          currentDate: new Date(now()),
          requiredClaims: ['exp'],
          ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
          ...(options.audience === undefined ? {} : { audience: options.audience })
        })
        payload = verified.payload
      } catch (error) {
        throw explain(error, algorithms)
      }
      const claims = claimsSchema.safeParse(payload)
      if (claims.success) return claims.data
      const issue = claims.error.issues[0]
      throw unauthenticated(`The token's claim "${issue?.path.join('.')}" is not as expected: ${issue?.message}.`)
    }
  }
}

/** Makes tokens for end users; undefined when there is no JWT_HS256_SECRET. */
export function createJwtSigner(options: JwtOptions): JwtSigner | undefined {
  if (options.hs256Secret === undefined) return undefined
  const key = secretKey(options.hs256Secret)
  const now = options.now ?? Date.now

  return {
    async sign({ sub, ...claims }, expiresAtSeconds) {
      const token = new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(sub)
        .setIssuedAt(Math.floor(now() / 1000))
        .setExpirationTime(expiresAtSeconds)
      if (options.issuer !== undefined) token.setIssuer(options.issuer)
      if (options.audience !== undefined) token.setAudience(options.audience)
      return await token.sign(key)
    }
  }
}
