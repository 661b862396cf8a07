import { createTestDatabase, missingRedis, testRedisUrl } from '@semibot/stack/test'
import t from 'tap'
import { buildTestApp } from '../helpers/build-test-app.ts'

type App = Awaited<ReturnType<typeof buildTestApp>>['app']
type Headers = Record<string, string>

const get = (app: App, headers: Headers) => app.inject({ url: '/api/v1/agents', headers })

t.test('ORG_RATE_LIMIT_PER_MINUTE holds for each organisation', async (t) => {
  const test = await buildTestApp(t, { ORG_RATE_LIMIT_PER_MINUTE: '3' })
  const { app } = test
  const acme = await test.createOrganization('acme')
  const other = await test.createOrganization('other')

  for (const remaining of ['2', '1', '0']) {
    const answer = await get(app, acme.member.headers)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['x-ratelimit-remaining'], remaining)
  }

  await t.test('whichever key and user, with Retry-After and a clear message', async (t) => {
    for (const headers of [acme.member.headers, acme.admin.headers, { ...acme.admin.headers, 'x-user-id': 'anna' }]) {
      const answer = await get(app, headers)
      t.equal(answer.statusCode, 429)
      t.match(answer.json().error, {
        code: 'RATE_LIMITED',
        message: 'Your organisation may send 3 requests per minute.'
      })
      const seconds = Number(answer.headers['retry-after'])
      t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
    }
  })

  await t.test('without touching another organisation, or what needs none', async (t) => {
    t.equal((await get(app, other.member.headers)).statusCode, 200)
    for (let count = 0; count < 5; count++) t.equal((await app.inject('/health')).statusCode, 200)
  })

  await t.test('a refused chat is counted as shed and rejected, another call is not', async (t) => {
    const payload = { message: 'hi' }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/chat', headers: acme.member.headers, payload })
    t.equal(answer.statusCode, 429)
    const { body } = await app.inject('/metrics')
    t.match(body, /^chat_shed_total\{reason="org_rate"\} 1$/m)
    t.match(body, /^chat_request_total\{outcome="rejected"\} 1$/m)
  })

  await t.test('who is not known uses up nothing', async (t) => {
    const third = await test.createOrganization('third')
    for (let count = 0; count < 5; count++) {
      await get(app, { authorization: `Bearer sb_${third.member.id}_${'a'.repeat(64)}` })
    }
    t.equal((await get(app, third.member.headers)).headers['x-ratelimit-remaining'], '2')
  })
})

t.test('without the key there is no limit', async (t) => {
  const test = await buildTestApp(t)
  const acme = await test.createOrganization('acme')
  for (let count = 0; count < 50; count++) {
    const answer = await get(test.app, acme.member.headers)
    t.equal(answer.statusCode, 200)
    t.notHas(answer.headers, { 'x-ratelimit-limit': /./ })
  }
})

t.test('with Redis the limit holds over all processes', { skip: missingRedis() }, async (t) => {
  const environment = {
    DATABASE_URL: await createTestDatabase(t),
    REDIS_URL: testRedisUrl(t),
    ORG_RATE_LIMIT_PER_MINUTE: '4'
  }
  const one = await buildTestApp(t, environment)
  const other = await buildTestApp(t, environment)
  const acme = await one.createOrganization('acme')
  const statuses: number[] = []
  for (const { app } of [one, other, one, other, one, other]) {
    statuses.push((await get(app, acme.member.headers)).statusCode)
  }
  t.same(statuses, [200, 200, 200, 200, 429, 429])
})
