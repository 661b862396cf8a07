import { createDatabase } from '@semibot/db'
import { createTestDatabase } from '@semibot/stack/test'
import { sql } from 'kysely'
import t from 'tap'
import { doctor, healthy, of } from '../fixtures/doctor.ts'
import { serve } from '../fixtures/serve.ts'

const calm = {
  status: {
    fallbackEnabled: false,
    fallbackReason: '',
    since: '2026-01-01T00:00:00.000Z',
    forced: null,
    store: 'memory',
    degraded: false,
    instances: [{ url: 'http://r:8000', isUp: true, out: '', health: null }],
    history: [] as object[]
  },
  metrics: {
    windowSeconds: 300,
    runtime: { total: 100, errorRate: 0.01, p95LatencyMs: 900 as number | null, byCode: {} as Record<string, number> }
  }
}

const change = (state: string, minutesAgo: number) => ({
  kind: 'transition',
  state,
  createdAt: new Date(Date.now() - minutesAgo * 60_000).toISOString()
})
const flaps = [2, 4, 6, 8, 10, 12].map((ago, index) => change(index % 2 === 0 ? 'closed' : 'open', ago))
const forced = { mode: 'open', actor: 'ann', reason: 'upgrade', expiresAt: '2026-01-01T01:00:00.000Z' }
const down = { url: 'http://r:8000', isUp: false, out: 'health', health: { healthy: false, detail: 'answers 500' } }

type Reported = { status?: object; runtime?: object }

const OPERATION: readonly [name: string, reported: Reported, check: string, message: RegExp, advice: RegExp][] = [
  [
    'chats fall back',
    { status: { fallbackEnabled: true, fallbackReason: '无法连接' } },
    'fallback',
    /fall back to direct_llm since 2026.*无法连接/,
    /scenario 1/
  ],
  [
    'somebody has forced it',
    { status: { forced } },
    'fallback',
    /ann has forced it open until 2026.*upgrade/,
    /"auto"/
  ],
  [
    'an instance is out',
    { status: { instances: [down] } },
    'instance',
    /r:8000 gets no calls \(health, health: ans/,
    /log/
  ],
  [
    'many fail',
    { runtime: { errorRate: 0.3, byCode: { RUNTIME_INTERNAL: 2, RUNTIME_TIMEOUT: 28 } } },
    'errors',
    /30\.0 % of 100 .*28 of them RUNTIME_TIMEOUT/,
    /RUNTIME_EXECUTION_TIMEOUT_MS/
  ],
  ['it is slow', { runtime: { p95LatencyMs: 7000.4 } }, 'latency', /P95 of the runtime is 7000 ms/, /scenario 3/],
  ['it flaps', { status: { history: flaps } }, 'flapping', /^6 changes of the fallback in 30 minutes/, /scenario 4/],
  ['Redis is away', { status: { degraded: true } }, 'replicas', /out of reach/, /check Redis/]
]

async function operatorApi(t: Parameters<typeof serve>[0], { status = {}, runtime = {} }: Reported): Promise<string> {
  return await serve(t, (request, response) => {
    const { metrics } = calm
    if (request.url?.endsWith('/fallback/status')) response.end(JSON.stringify({ data: { ...calm.status, ...status } }))
    else if (request.url?.endsWith('/runtime/metrics')) {
      response.end(JSON.stringify({ data: { ...metrics, runtime: { ...metrics.runtime, ...runtime } } }))
    } else healthy(request, response)
  })
}

for (const [name, reported, check, message, advice] of OPERATION) {
  t.test(`what the api reports: ${name}, is a warning with the next step`, async (t) => {
    const { findings } = await doctor({ BASE_URL: await operatorApi(t, reported), ADMIN_TOKEN: 'x'.repeat(32) })
    t.match(of(findings, check), { state: 'warn', message, advice })
    const others = findings.filter((finding) => ['fallback', 'errors', 'latency', 'flapping'].includes(finding.check))
    t.equal(others.length, 4)
    t.strictSame(
      others.filter((finding) => finding.check !== check && finding.state !== 'ok'),
      [],
      'and nothing else is'
    )
  })
}

t.test('few executions are no rate, and a wrong token is said', async (t) => {
  const quiet = { runtime: { total: 2, errorRate: 1, p95LatencyMs: 9000, byCode: { RUNTIME_INTERNAL: 2 } } }
  const { findings } = await doctor({ BASE_URL: await operatorApi(t, quiet), ADMIN_TOKEN: 'x'.repeat(32) })
  t.match([of(findings, 'errors'), of(findings, 'latency')], [{ state: 'ok' }, { state: 'ok' }])
  const refusing = await serve(t, (request, response) => {
    if (request.url?.startsWith('/api/')) response.writeHead(401).end('{"error":{"code":"UNAUTHENTICATED"}}')
    else healthy(request, response)
  })
  const refused = await doctor({ BASE_URL: refusing, ADMIN_TOKEN: 'x'.repeat(32) })
  t.match(of(refused.findings, 'fallback'), { state: 'warn', message: /answered 401/, advice: /ADMIN_TOKEN/ })
})

t.test('several api processes without Redis are warned of, by configuration and by what runs', async (t) => {
  const { findings } = await doctor({ API_INSTANCES: '2' })
  t.match(of(findings, 'redis'), { state: 'warn', message: /API_INSTANCES is 2/, advice: /set REDIS_URL/ })
  const url = await createTestDatabase(t)
  const handle = createDatabase({ url, max: 1, applicationName: 'doctor-test' })
  await sql`insert into service_instances (id, kind) values ('a', 'api'), ('b', 'api'), ('r', 'runtime')`.execute(
    handle.db
  )
  await handle.close()
  const env = { DATABASE_URL: url, ADMIN_TOKEN: 'x'.repeat(32) }
  const alone = await doctor({ ...env, BASE_URL: await operatorApi(t, {}) })
  t.match(of(alone.findings, 'replicas'), { state: 'warn', message: /^2 api processes run/, advice: /same REDIS_URL/ })
  const shared = await doctor({ ...env, BASE_URL: await operatorApi(t, { status: { store: 'redis' } }) })
  t.equal(of(shared.findings, 'replicas'), undefined)
})
