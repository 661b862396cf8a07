import t from 'tap'
import { corsPlugin } from '../../src/plugins/cors.ts'
import { securityHeadersPlugin } from '../../src/plugins/security-headers.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/test-scope.ts'

function build(t: TestScope, origins: string) {
  return buildEdge(t, { CORS_ORIGINS: origins }, async (app) => {
    await app.register(securityHeadersPlugin)
    await app.register(corsPlugin)
    app.post('/things', async () => ({}))
  })
}

const PAGE = 'https://app.example.com'
const preflight = (origin: string) => ({
  method: 'OPTIONS' as const,
  url: '/things',
  headers: {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,idempotency-key,last-event-id'
  }
})

t.test('without CORS_ORIGINS no page of another origin may call', async (t) => {
  const app = await build(t, '')
  const answer = await app.inject({ method: 'POST', url: '/things', headers: { origin: PAGE } })
  t.equal(answer.statusCode, 200)
  t.notHas(answer.headers, { 'access-control-allow-origin': /./ })
  const asked = await app.inject(preflight(PAGE))
  t.equal(asked.statusCode, 404)
  t.notHas(asked.headers, { 'access-control-allow-origin': /./ })
})

t.test('a listed origin may call, with the headers that it needs', async (t) => {
  const app = await build(t, `${PAGE},https://other.example.com`)
  for (const origin of [PAGE, 'https://other.example.com']) {
    const asked = await app.inject(preflight(origin))
    t.equal(asked.statusCode, 204)
    t.equal(asked.headers['access-control-allow-origin'], origin)
    t.match(
      asked.headers['access-control-allow-headers'],
      /authorization.*content-type.*idempotency-key.*last-event-id/
    )
    t.match(asked.headers['access-control-allow-methods'], /GET.*POST.*PATCH.*DELETE/)
  }
})

t.test('the page can read the headers of a chat, and gets no right to send cookies', async (t) => {
  const app = await build(t, PAGE)
  const answer = await app.inject({ method: 'POST', url: '/things', headers: { origin: PAGE } })
  t.equal(answer.headers['access-control-allow-origin'], PAGE)
  t.same(answer.headers['access-control-expose-headers']?.split(', ').sort(), [
    'idempotency-replayed',
    'retry-after',
    'x-execution-id',
    'x-request-id',
    'x-semibot-execution-mode',
    'x-semibot-fallback',
    'x-session-id'
  ])
  t.notHas(answer.headers, { 'access-control-allow-credentials': /./ })
  t.match(answer.headers.vary, /Origin/, 'a cache keeps the answers of two origins apart')
})

t.test('origins that only look like a listed one may not', async (t) => {
  const app = await build(t, PAGE)
  const others = ['https://app.example.com.evil.com', 'http://app.example.com', 'https://app.example.com:444', 'null']
  for (const origin of others) {
    const answer = await app.inject({ method: 'POST', url: '/things', headers: { origin } })
    t.not(answer.headers['access-control-allow-origin'], origin, origin)
    t.not(answer.headers['access-control-allow-origin'], '*', origin)
  }
})

t.test('an error answer carries the header, too, so that the page can read why', async (t) => {
  const app = await build(t, PAGE)
  const answer = await app.inject({ method: 'GET', url: '/nothing', headers: { origin: PAGE } })
  t.equal(answer.statusCode, 404)
  t.equal(answer.headers['access-control-allow-origin'], PAGE)
})

t.test('every answer has the security headers', async (t) => {
  const app = await build(t, '')
  for (const url of ['/things', '/nothing']) {
    const { headers } = await app.inject({ method: 'POST', url })
    t.match(headers['content-security-policy'], /^default-src 'none';.* frame-ancestors 'none'$/)
    t.equal(headers['strict-transport-security'], 'max-age=31536000')
    t.equal(headers['cross-origin-resource-policy'], 'same-origin')
    t.equal(headers['x-content-type-options'], 'nosniff')
    t.equal(headers['x-frame-options'], 'DENY')
    t.equal(headers['referrer-policy'], 'no-referrer')
    t.notHas(headers, { 'x-powered-by': /./ })
  }
})
