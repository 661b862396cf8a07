import t from 'tap'
import { adminAuthPlugin } from '../../src/plugins/admin-auth.ts'
import { bearer } from '../helpers/bearer.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/test-scope.ts'

function build(t: TestScope, environment: Record<string, string> = {}) {
  return buildEdge(t, environment, async (app) => {
    await app.register(adminAuthPlugin)
    app.get('/secret', { onRequest: app.requireAdmin }, async () => ({ secret: 42 }))
  })
}

const OLD = 'the-old-token-of-the-operator-00'
const NEW = 'the!new"token{of}the\\operator:00'

t.test('every token of the list opens, so that it can be rotated', async (t) => {
  const app = await build(t, { ADMIN_TOKEN: `${OLD},${NEW}` })
  for (const token of [OLD, NEW]) {
    const answer = await app.inject({ url: '/secret', headers: bearer(token) })
    t.same([answer.statusCode, answer.json()], [200, { secret: 42 }])
  }
})

t.test('everybody else is refused with a 401 that says what is needed', async (t) => {
  const app = await build(t, { ADMIN_TOKEN: OLD })
  const wrong = [{}, bearer('x'), bearer(`${OLD}x`), { authorization: OLD }, { authorization: `Basic ${OLD}` }]
  for (const headers of wrong) {
    const answer = await app.inject({ url: '/secret', headers })
    t.equal(answer.statusCode, 401)
    t.match(answer.json(), { success: false, error: { code: 'UNAUTHENTICATED' } })
    t.equal(answer.headers['www-authenticate'], 'Bearer')
  }
  const inUrl = await app.inject({ url: `/secret?token=${OLD}&access_token=${OLD}` })
  t.equal(inUrl.statusCode, 401, 'a token in the URL counts for nothing')
})

t.test('without ADMIN_TOKEN nobody gets in', async (t) => {
  const app = await build(t, { ADMIN_TOKEN: '' })
  for (const token of ['', 'undefined', 'null']) {
    t.equal((await app.inject({ url: '/secret', headers: bearer(token) })).statusCode, 401)
  }
})

t.test('the eleventh try within a minute after ten wrong ones is refused, whatever it is', async (t) => {
  const app = await build(t, { ADMIN_TOKEN: OLD })
  const get = (token: string, remoteAddress: string) =>
    app.inject({ url: '/secret', headers: bearer(token), remoteAddress })
  for (let tries = 0; tries < 10; tries++) t.equal((await get('wrong', '10.0.0.1')).statusCode, 401)

  for (const token of ['wrong', OLD]) {
    const answer = await get(token, '10.0.0.1')
    t.equal(answer.statusCode, 429)
    t.equal(answer.json().error.code, 'RATE_LIMITED')
    const seconds = Number(answer.headers['retry-after'])
    t.ok(seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`)
  }
  t.equal((await get(OLD, '10.0.0.2')).statusCode, 200, 'another address is not concerned')
})

t.test('right tokens and missing ones are no wrong tries', async (t) => {
  const app = await build(t, { ADMIN_TOKEN: OLD })
  for (let tries = 0; tries < 20; tries++) {
    await app.inject({ url: '/secret', headers: bearer(OLD) })
    await app.inject({ url: '/secret' })
  }
  t.equal((await app.inject({ url: '/secret', headers: bearer(OLD) })).statusCode, 200)
})

t.test('addresses of one IPv6 network count together', async (t) => {
  const app = await build(t, { ADMIN_TOKEN: OLD })
  for (let tries = 1; tries <= 10; tries++) {
    await app.inject({ url: '/secret', headers: bearer('wrong'), remoteAddress: `2001:db8:1:2::${tries}` })
  }
  const get = (remoteAddress: string) => app.inject({ url: '/secret', headers: bearer(OLD), remoteAddress })
  t.equal((await get('2001:db8:1:2::ffff')).statusCode, 429)
  t.equal((await get('2001:db8:1:3::1')).statusCode, 200)
})
