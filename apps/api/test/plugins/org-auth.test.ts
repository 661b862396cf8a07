import { join } from 'node:path'
import { revokeApiKey } from '@semibot/db'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import t from 'tap'
import { bearer } from '../helpers/bearer.ts'
import { buildTestApp } from '../helpers/build-test-app.ts'
import { makeJwt } from '../helpers/wrong-credentials.ts'

const inOneHour = () => Math.floor(Date.now() / 1000) + 3600

const token = (claims: object) => makeJwt({ exp: inOneHour(), ...claims })

t.test('callers of an organisation', async (t) => {
  const test = await buildTestApp(t)
  const { app } = test
  const acme = await test.createOrganization('acme')
  const call = async (headers: Record<string, string>) => {
    const answer = await app.inject({ url: '/api/v1/sessions', headers })
    return { status: answer.statusCode, error: answer.json().error, headers: answer.headers }
  }
  const userIds = () => app.db.selectFrom('users').select(['org_id', 'external_id']).orderBy('external_id').execute()

  await t.test('a key is accepted', async (t) => {
    t.equal((await call(acme.member.headers)).status, 200)
    t.equal((await call(acme.admin.headers)).status, 200)
  })

  await t.test('the scheme may be written in any case', async (t) => {
    t.equal((await call({ authorization: `bearer  ${acme.member.key}` })).status, 200)
  })

  await t.test('x-user-id stores its user once', async (t) => {
    const headers = { ...acme.member.headers, 'x-user-id': 'user-1' }
    await Promise.all([call(headers), call(headers), call(headers)])
    t.same(await userIds(), [{ org_id: acme.id, external_id: 'user-1' }])
  })

  await t.test('a malformed x-user-id is a 400 and stores nothing', async (t) => {
    for (const value of ['', 'a b', 'ü', 'x'.repeat(129)]) {
      const answer = await call({ ...acme.member.headers, 'x-user-id': value })
      t.equal(answer.status, 400, JSON.stringify(value))
      t.equal(answer.error.code, 'VALIDATION_FAILED')
    }
    t.equal((await userIds()).length, 1)
    t.equal((await call({ authorization: 'Bearer sb_x', 'x-user-id': 'a b' })).status, 401, 'who calls comes first')
  })

  await t.test('a token speaks for its own user only', async (t) => {
    const headers = bearer(token({ sub: 'user-2', orgId: acme.id }))
    t.equal((await call(headers)).status, 200)
    t.equal((await call({ ...headers, 'x-user-id': 'user-2' })).status, 200)
    const other = await call({ ...headers, 'x-user-id': 'user-1' })
    t.match(other, { status: 403, error: { code: 'FORBIDDEN' } })
    t.same(
      (await userIds()).map((user) => user.external_id),
      ['user-1', 'user-2']
    )
  })

  await t.test('a token of an unknown or inactive organisation is a 401', async (t) => {
    const unknown = await call(bearer(token({ sub: 'u', orgId: '0198a1b2-0000-7000-8000-000000000000' })))
    t.match(unknown, { status: 401, error: { message: /organisation does not exist/ } })
    const closed = await test.createOrganization('closed')
    await app.db.updateTable('organizations').set({ is_active: false }).where('id', '=', closed.id).execute()
    t.equal((await call(bearer(token({ sub: 'u', orgId: closed.id })))).status, 401)
    t.match(await call(closed.admin.headers), { status: 401, error: { message: /unknown or revoked/ } })
  })

  await t.test('a 401 says how to authenticate', async (t) => {
    t.equal((await call({})).headers['www-authenticate'], 'Bearer')
  })

  await t.test('a revoked key is refused, the other keys are not', async (t) => {
    const other = await test.createOrganization('other')
    await revokeApiKey(app.db, other.id, other.member.id)
    t.match(await call(other.member.headers), { status: 401, error: { message: /unknown or revoked/ } })
    t.equal((await call(other.admin.headers)).status, 200)
  })

  await t.test('a token that a key has made ends with the key', async (t) => {
    const other = await test.createOrganization('third')
    await revokeApiKey(app.db, other.id, other.member.id)
    const made = (keyId: string) => bearer(token({ sub: 'u', orgId: other.id, keyId }))
    t.equal((await call(made(other.admin.id))).status, 200)
    t.match(await call(made(other.member.id)), { status: 401, error: { message: /has been revoked/ } })
    t.equal((await call(made(acme.admin.id))).status, 401, 'a key of another organisation')
  })
})

t.test('tokens of an issuer with public keys in JWT_PUBLIC_KEYS_FILE are accepted', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] }
  const file = join(t.testdir({ 'keys.json': JSON.stringify(keys) }), 'keys.json')
  const test = await buildTestApp(t, { JWT_PUBLIC_KEYS_FILE: file, JWT_HS256_SECRET: '' })
  const acme = await test.createOrganization('acme')
  const sign = (claims: JWTPayload) =>
    new SignJWT({ sub: 'anna', orgId: acme.id, ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
      .sign(privateKey)
  const status = async (jwt: string) =>
    (await test.app.inject({ url: '/api/v1/sessions', headers: bearer(jwt) })).statusCode

  t.equal(await status(await sign({ exp: inOneHour() })), 200)
  t.equal(await status(await sign({ exp: inOneHour() - 7200 })), 401)
  t.equal(await status(token({ sub: 'anna', orgId: acme.id })), 401, 'HS256 is not configured')
})

t.test('a wrong JWT_PUBLIC_KEYS_FILE stops the start', async (t) => {
  await t.rejects(buildTestApp(t, { JWT_PUBLIC_KEYS_FILE: '/nowhere/keys.json' }), {
    name: 'ConfigError',
    message: /JWT_PUBLIC_KEYS_FILE.*ENOENT/
  })
})
