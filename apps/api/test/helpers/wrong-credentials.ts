import { createHmac } from 'node:crypto'
import { revokeApiKey } from '@semibot/db'
import { bearer } from './bearer.ts'
import type { TestApp, TestOrganization } from './build-test-app.ts'
import { JWT_SECRET } from './test-env.ts'

/** A token made by hand: any header, any claims, any secret. */
export function makeJwt(claims: object, options: { header?: object; secret?: string } = {}): string {
  const { header = { alg: 'HS256', typ: 'JWT' }, secret = JWT_SECRET } = options
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** Headers, by what is wrong with them, with which nobody of any organisation may do anything. */
export async function wrongCredentials(test: TestApp, org: TestOrganization): Promise<Record<string, object>> {
  const revoked = await test.createOrganization('revoked')
  await revokeApiKey(test.app.db, revoked.id, revoked.admin.id)
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: 'anna', orgId: org.id, role: 'owner', exp: now + 3600 }
  const jwt = makeJwt(claims)
  const lastChanged = jwt.endsWith('A') ? `${jwt.slice(0, -1)}Q` : `${jwt.slice(0, -1)}A`
  const unsigned = makeJwt(claims, { header: { alg: 'none' } }).replace(/[^.]+$/, '')
  return {
    'no token': {},
    'an empty header': { authorization: '' },
    'no scheme': { authorization: org.admin.key },
    'another scheme': { authorization: `Basic ${Buffer.from(`admin:${org.admin.key}`).toString('base64')}` },
    'a word': bearer('secret'),
    'an unknown key': bearer(`sb_00000000000a_${'a'.repeat(64)}`),
    'the key of the organisation with another secret': bearer(`sb_${org.admin.id}_${'a'.repeat(64)}`),
    'the secret of the key with another id': bearer(org.admin.key.replace(org.admin.id, '00000000000a')),
    'a malformed key': bearer('sb_x'),
    'a revoked key': revoked.admin.headers,
    'an expired token': bearer(makeJwt({ ...claims, exp: now - 31 })),
    'a token that is not valid yet': bearer(makeJwt({ ...claims, nbf: now + 60 })),
    'a token without an end': bearer(makeJwt({ sub: 'anna', orgId: org.id })),
    'alg none': bearer(unsigned),
    'alg none with the old signature': bearer(makeJwt(claims, { header: { alg: 'none' } })),
    'a token with another secret': bearer(makeJwt(claims, { secret: `${JWT_SECRET}!` })),
    'a token whose signature is changed': bearer(lastChanged),
    'a token of an unknown organisation': bearer(makeJwt({ ...claims, orgId: '0198a1b2-0000-7000-8000-000000000000' }))
  }
}
