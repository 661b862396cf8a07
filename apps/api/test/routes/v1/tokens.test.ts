import { decodeJwt } from 'jose'
import t from 'tap'
import { bearer } from '../../helpers/bearer.ts'
import { buildTestApp } from '../../helpers/build-test-app.ts'

t.test('tokens', async (t) => {
  const test = await buildTestApp(t, { JWT_ISSUER: 'https://chat.example.com', JWT_AUDIENCE: 'semibot' })
  const { app } = test
  const acme = await test.createOrganization('acme')
  const make = (payload: object, headers: Record<string, string> = acme.admin.headers) =>
    app.inject({ method: 'POST', url: '/api/v1/tokens', headers, payload })

  await t.test('a key makes a token, which speaks for that user as a member', async (t) => {
    const before = Math.floor(Date.now() / 1000)
    const answer = await make({ userId: 'anna' })
    t.equal(answer.statusCode, 201)
    t.equal(answer.headers['cache-control'], 'no-store')
    const { token, expiresAt, userId } = answer.json().data
    t.equal(userId, 'anna')
    const claims = decodeJwt(token)
    t.match(claims, {
      sub: 'anna',
      orgId: acme.id,
      role: 'member',
      keyId: acme.admin.id,
      iss: 'https://chat.example.com',
      aud: 'semibot'
    })
    t.equal(new Date(expiresAt).getTime(), Number(claims.exp) * 1000)
    t.ok(Number(claims.exp) - before >= 3600 && Number(claims.exp) - before <= 3602, 'one hour by default')

    const created = await app.inject({ method: 'POST', url: '/api/v1/sessions', headers: bearer(token), payload: {} })
    t.equal(created.statusCode, 201)
    const { id } = created.json().data
    const seenBy = async (headers: Record<string, string>) =>
      (await app.inject({ url: `/api/v1/sessions/${id}`, headers })).statusCode
    t.equal(await seenBy({ ...acme.member.headers, 'x-user-id': 'anna' }), 200)
    t.equal(await seenBy({ ...acme.member.headers, 'x-user-id': 'ben' }), 404)
    const change = await app.inject({
      method: 'PATCH',
      url: '/api/v1/agents/default',
      headers: bearer(token),
      payload: { name: 'Mine' }
    })
    t.equal(change.statusCode, 403)
  })

  await t.test('only a key makes tokens', async (t) => {
    const { token } = (await make({ userId: 'anna' })).json().data
    const answer = await make({ userId: 'ben' }, bearer(token))
    t.match(answer.json().error, { code: 'FORBIDDEN', message: 'Only an API key can make tokens.' })
    t.equal(answer.statusCode, 403)
  })

  await t.test('user and life time are checked', async (t) => {
    const lifeTimes = [59, 86_401, 60.5, '3600']
    const wrong = [
      {},
      { userId: '' },
      { userId: 'a b' },
      ...lifeTimes.map((expiresInSeconds) => ({ userId: 'a', expiresInSeconds }))
    ]
    for (const payload of wrong) t.equal((await make(payload)).statusCode, 400, JSON.stringify(payload))
    t.equal((await make({ userId: 'a', role: 'owner' })).statusCode, 400, 'a role cannot be asked for')
    const short = (await make({ userId: 'a', expiresInSeconds: 60 })).json().data
    const claims = decodeJwt(short.token)
    t.equal(Number(claims.exp) - Number(claims.iat), 60)
  })
})

t.test('without JWT_HS256_SECRET no tokens are made, and the answer says what is missing', async (t) => {
  const test = await buildTestApp(t, { JWT_HS256_SECRET: '' })
  const { admin } = await test.createOrganization('acme')
  const answer = await test.app.inject({
    method: 'POST',
    url: '/api/v1/tokens',
    headers: admin.headers,
    payload: { userId: 'anna' }
  })
  t.equal(answer.statusCode, 403)
  t.match(answer.json().error, { code: 'FORBIDDEN', message: /JWT_HS256_SECRET/ })
})
