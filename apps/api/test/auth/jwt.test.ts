import { createHmac } from 'node:crypto'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose'
import t from 'tap'
import { createJwtSigner, createJwtVerifier, type JwtOptions } from '../../src/auth/jwt.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const ORG = '0198a1b2-0000-7000-8000-000000000001'
const NOW = 1_800_000_000
const now = () => NOW * 1000
const claims = { sub: 'user-1', orgId: ORG, role: 'admin' as const }

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Signs by hand, so that the test does not depend on the library under it. */
function hs256(payload: object, secret: string = SECRET, header: object = { alg: 'HS256' }): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

const valid = { ...claims, exp: NOW + 60 }
const verifier = (options: JwtOptions = {}) => createJwtVerifier({ hs256Secret: SECRET, now, ...options })

t.test('a valid HS256 token gives its claims', async (t) => {
  t.same(await verifier().verify(hs256(valid)), claims)
  t.same(await verifier().verify(hs256({ ...valid, orgId: ORG.toUpperCase() })), claims, 'also with an id in capitals')
})

t.test('role is member when the token says nothing', async (t) => {
  const { role, ...rest } = valid
  t.ok(role)
  t.equal((await verifier().verify(hs256(rest))).role, 'member')
})

t.test('exp and nbf are believed up to 30 seconds off', async (t) => {
  await t.resolves(verifier().verify(hs256({ ...valid, exp: NOW - 29 })))
  await t.rejects(verifier().verify(hs256({ ...valid, exp: NOW - 30 })), { message: /expired/ })
  await t.resolves(verifier().verify(hs256({ ...valid, nbf: NOW + 30 })))
  await t.rejects(verifier().verify(hs256({ ...valid, nbf: NOW + 31 })), { message: /"nbf"/ })
})

t.test('every wrong token is a 401 that says what was wrong and does not repeat the token', async (t) => {
  const { exp, ...endless } = valid
  t.ok(exp)
  const none = `${encode({ alg: 'none' })}.${encode(valid)}.`
  const table: [name: string, token: string, message: RegExp][] = [
    ['another secret', hs256(valid, `${SECRET}!`), /signature does not match/],
    ['alg none', none, /algorithm must be one of: HS256/],
    ['alg None', `${encode({ alg: 'None' })}.${encode(valid)}.`, /algorithm must be one of/],
    ['HS512', hs256(valid, SECRET, { alg: 'HS512' }), /algorithm must be one of/],
    ['an unknown critical header', hs256(valid, SECRET, { alg: 'HS256', crit: ['x'], x: 1 }), /JSON Web Token/],
    ['not a token', 'abc', /neither an API key/],
    ['two parts', 'abc.def', /neither an API key/],
    ['a payload that is no JSON', `${encode({ alg: 'HS256' })}.e30x.abc`, /signature does not match/],
    ['no exp', hs256(endless), /"exp" is missing/],
    ['exp as text', hs256({ ...valid, exp: 'tomorrow' }), /"exp" is not as expected/],
    ['no sub', hs256({ orgId: ORG, exp }), /"sub"/],
    ['an empty sub', hs256({ ...valid, sub: '' }), /"sub"/],
    ['a sub with a line break', hs256({ ...valid, sub: 'a\nb' }), /"sub"/],
    ['no orgId', hs256({ sub: 'user-1', exp }), /"orgId"/],
    ['an orgId that is no id', hs256({ ...valid, orgId: 'acme' }), /"orgId"/],
    ['an unknown role', hs256({ ...valid, role: 'root' }), /"role"/]
  ]
  for (const [name, token, message] of table) {
    const error = await verifier()
      .verify(token)
      .catch((thrown: unknown) => thrown)
    t.match(error, { code: 'UNAUTHENTICATED', statusCode: 401, message }, name)
    t.notOk((error as Error).message.includes(token), `${name}: not repeated`)
  }
})

t.test('iss and aud are checked when they are configured', async (t) => {
  const strict = verifier({ issuer: 'https://id.example.com', audience: 'semibot' })
  const right = { ...valid, iss: 'https://id.example.com', aud: ['other', 'semibot'] }
  await t.resolves(strict.verify(hs256(right)))
  await t.rejects(strict.verify(hs256({ ...right, iss: 'https://evil.example.com' })), { message: /"iss"/ })
  await t.rejects(strict.verify(hs256({ ...right, aud: 'other' })), { message: /"aud"/ })
  await t.rejects(strict.verify(hs256(valid)), { message: /"iss" is missing/ })
})

t.test('EdDSA and RS256 tokens are checked with the public keys', async (t) => {
  const edwards = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const rsa = await generateKeyPair('RS256', { extractable: true })
  const publicKeys: JSONWebKeySet = {
    keys: [
      { ...(await exportJWK(edwards.publicKey)), kid: 'one' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'two' }
    ]
  }
  const both = createJwtVerifier({ publicKeys, now })
  const sign = (alg: string, kid: string | undefined, key: CryptoKey) =>
    new SignJWT(valid).setProtectedHeader(kid === undefined ? { alg } : { alg, kid }).sign(key)

  t.same(await both.verify(await sign('EdDSA', 'one', edwards.privateKey)), claims)
  t.same(await both.verify(await sign('RS256', 'two', rsa.privateKey)), claims)
  t.same(await both.verify(await sign('RS256', undefined, rsa.privateKey)), claims, 'one key fits without kid')
  await t.rejects(both.verify(await sign('EdDSA', 'three', edwards.privateKey)), { message: /^No known key/ })

  const stranger = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  await t.rejects(both.verify(await sign('EdDSA', 'one', stranger.privateKey)), { message: /signature/ })

  const confused = hs256(valid, await exportSPKI(rsa.publicKey), { alg: 'HS256', kid: 'two' })
  await t.rejects(
    both.verify(confused),
    { message: /algorithm must be one of: EdDSA, RS256/ },
    'a public key is no secret'
  )
  const withSecret = createJwtVerifier({ publicKeys, hs256Secret: SECRET, now })
  await t.rejects(withSecret.verify(confused), { message: /signature/ })
  t.same(await withSecret.verify(hs256(valid)), claims)
})

t.test('without any configured key no token is accepted', async (t) => {
  await t.rejects(createJwtVerifier({ now }).verify(hs256(valid)), { message: /accepts no tokens/ })
})

t.test('a made token is accepted with the same claims until it ends', async (t) => {
  let time = NOW
  const options = { hs256Secret: SECRET, issuer: 'me', audience: 'you', now: () => time * 1000 }
  const made = { sub: 'user-1', orgId: ORG, role: 'member' as const, keyId: 'key1' }
  const token = await createJwtSigner(options)?.sign(made, NOW + 60)
  t.same(await createJwtVerifier(options).verify(token ?? ''), made)
  time = NOW + 91
  await t.rejects(createJwtVerifier(options).verify(token ?? ''), { message: /expired/ })
})

t.test('without a secret there is nothing that could make a token', async (t) => {
  t.equal(createJwtSigner({}), undefined)
})
