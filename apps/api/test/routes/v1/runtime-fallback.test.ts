import { startSimulator } from '@semibot/stack/test'
import t from 'tap'
import { bearer } from '../../helpers/bearer.ts'
import { buildTestApp } from '../../helpers/build-test-app.ts'
import { startFakeRuntime } from '../../helpers/fake-runtime.ts'
import { operatorOf } from '../../helpers/operator.ts'
import { ADMIN_TOKEN } from '../../helpers/test-env.ts'

const SECOND_TOKEN = 'second-admin-token-of-the-tests-0123'
const FAILING = 'fail'

const simulator = await startSimulator(t)
const runtime = await startFakeRuntime(
  t,
  (call) => {
    if (call.body.message === FAILING) call.response.writeHead(500).end()
    else {
      call.begin()
      call.finish('done')
    }
  },
  { probeStatus: 500 }
)
const test = await buildTestApp(t, {
  LLM_BASE_URL: simulator.baseUrl,
  RUNTIME_SERVICE_URL: runtime.url,
  CHAT_RUNTIME_ENABLED_ORGS: 'acme',
  CHAT_RUNTIME_MIN_SAMPLES: '4',
  ADMIN_TOKEN: `${ADMIN_TOKEN},${SECOND_TOKEN}`
})
const { app } = test
const acme = await test.createOrganization('acme')
const operator = operatorOf(app)

async function ask(message = 'hello'): Promise<{ mode: string }> {
  const answer = await app.inject({
    method: 'POST',
    url: '/api/v1/chat',
    headers: acme.member.headers,
    payload: { message, stream: false }
  })
  return answer.json().data
}

async function askTimes(times: number, message: string): Promise<void> {
  for (let index = 0; index < times; index++) await ask(message)
}

async function gauge(name = 'chat_runtime_fallback_enabled'): Promise<string | undefined> {
  return new RegExp(`^${name} (\\d)$`, 'm').exec((await app.inject('/metrics')).body)?.[1]
}

t.test('while all is well the reason is empty, never null', async (t) => {
  const { status, body } = await operator.call('GET', '/fallback/status')
  t.equal(status, 200)
  t.match(body, {
    success: true,
    data: {
      fallbackEnabled: false,
      fallbackReason: '',
      reason: '',
      state: 'closed',
      scope: 'cluster',
      since: /^\d{4}-\d\d-\d\dT.*Z$/,
      nextProbeAt: null,
      forced: null,
      rampShare: 1,
      streak: 0,
      window: { samples: 0, seconds: 300 },
      thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 4, maxSamples: 1000 },
      instances: [{ url: runtime.url, isUp: true }],
      store: 'memory',
      degraded: false,
      replicas: 1,
      history: []
    }
  })
})

t.test('failures trip it, and the status says why in figures', async (t) => {
  await askTimes(4, FAILING)
  const { fallbackEnabled, fallbackReason, state, nextProbeAt, since } = await operator.status()
  t.same(
    { fallbackEnabled, fallbackReason, state },
    { fallbackEnabled: true, fallbackReason: '错误率过高: 100.00% (阈值: 50.00%)', state: 'open' }
  )
  t.ok(new Date(nextProbeAt) > new Date(since), 'with the time of the next trials')
  t.match(await operator.get('/metrics'), { fallbackEnabled: true, fallbackReason })
  t.equal(await gauge(), '1')
  t.match(await ask(), { mode: 'direct_llm' })
  const { data } = (await operator.call('GET', '/fallback/history?limit=100')).body
  t.match(data.at(-1), {
    kind: 'transition',
    state: 'open',
    reason: 'error_rate',
    detail: fallbackReason,
    evidence: { samples: 4, errors: 4, errorRate: 1, value: 1, threshold: 0.5 },
    actor: 'automatic',
    expiresAt: null
  })
})

t.test('a reset by plain curl closes it at once, and it stays closed', async (t) => {
  for (const headers of [{}, { 'content-type': 'application/json' }]) {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/runtime/fallback/reset',
      headers: { ...bearer(ADMIN_TOKEN), ...headers }
    })
    t.equal(answer.statusCode, 200)
    t.match(answer.json(), {
      success: true,
      message: '回退状态已重置',
      data: { fallbackEnabled: false, fallbackReason: '', state: 'closed', window: { samples: 0 }, stored: true }
    })
    t.match(answer.json().data.history[0], { kind: 'reset', state: 'closed', reason: 'reset', actor: 'admin-1' })
  }
  t.equal(await gauge(), '0')
  t.match(await ask(), { mode: 'runtime_orchestrator' })
  t.match(await ask(), { mode: 'runtime_orchestrator' })
  await askTimes(1, FAILING)
  t.match(await operator.status(), { state: 'closed', window: { samples: 3, errors: 1 } }, 'old failures are forgotten')
  await askTimes(2, FAILING)
  t.match(await operator.status(), { state: 'open' }, 'new ones trip it again')
})

t.test('forced open: no chat uses the runtime until it is over', async (t) => {
  const order = { mode: 'open', reason: 'maintenance', expiresInSeconds: 600 }
  const { status, body } = await operator.call('POST', '/fallback/force', order, {
    ...bearer(SECOND_TOKEN),
    'x-actor': 'ada@example.org'
  })
  t.equal(status, 200)
  const { forced, history } = body.data
  const actor = 'admin-2/ada@example.org'
  t.match(body.data, { fallbackEnabled: true, fallbackReason: '手动强制: maintenance', state: 'open', stored: true })
  t.match(forced, { mode: 'open', actor, reason: 'maintenance' })
  const lastsMs = new Date(forced.expiresAt).getTime() - Date.now()
  t.ok(lastsMs > 590_000 && lastsMs <= 600_000, `for ${lastsMs} ms`)
  t.match(history[0], { kind: 'force', state: 'open', reason: 'forced', detail: 'maintenance', actor })
  t.ok(Math.abs(new Date(history[0].expiresAt).getTime() - new Date(forced.expiresAt).getTime()) < 100)
  t.match(history[0].evidence, { state: 'open', reason: 'error_rate' }, 'with the state that it found')
  t.same([await gauge(), await gauge('chat_runtime_fallback_forced')], ['1', '1'])
  const before = runtime.calls.length
  t.match(await ask(), { mode: 'direct_llm' })
  t.equal(runtime.calls.length, before)

  t.match(await operator.post('/fallback/force', { mode: 'auto' }), { forced: null, state: 'half_open', stored: true })
  t.equal(await gauge('chat_runtime_fallback_forced'), '0')
})

t.test('forced closed: the evidence counts for nothing until it is over', async (t) => {
  const data = await operator.post('/fallback/force', { mode: 'closed', reason: 'the alarm is false' })
  t.match(data, { fallbackEnabled: false, fallbackReason: '', state: 'closed', forced: { mode: 'closed' } })
  const lastsMs = new Date(data.forced.expiresAt).getTime() - Date.now()
  t.ok(lastsMs > 3_590_000 && lastsMs <= 3_600_000, 'an hour, when nothing is said')
  await askTimes(5, FAILING)
  t.match(await operator.status(), { fallbackEnabled: false })
  t.same([await gauge(), await gauge('chat_runtime_fallback_forced')], ['0', '1'])
  t.match(await operator.post('/fallback/force', { mode: 'auto', reason: 'done' }), { forced: null, state: 'closed' })
  t.match(await ask(), { mode: 'runtime_orchestrator' }, 'and what was forced closed begins anew')
})

t.test('a reset ends a force as well', async (t) => {
  await operator.post('/fallback/force', { mode: 'open', reason: 'drill' })
  t.match(await operator.post('/fallback/reset', {}), { forced: null, state: 'closed', fallbackEnabled: false })
  t.match(await ask(), { mode: 'runtime_orchestrator' })
})

t.test('the history is read page by page, the latest first', async (t) => {
  const whole = (await operator.call('GET', '/fallback/history?limit=100')).body
  t.same(whole.meta, { nextCursor: null, hasMore: false })
  const read: unknown[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body } = await operator.call('GET', `/fallback/history?limit=3${cursor && `&cursor=${cursor}`}`)
    t.equal(body.meta.hasMore, body.meta.nextCursor !== null)
    read.push(...body.data)
    cursor = body.meta.nextCursor
  }
  t.same(read, whole.data)
  t.match(whole.data[0], { kind: 'reset' })
  t.same((await operator.status()).history, whole.data.slice(0, 10))
})

t.test('an order that cannot be read changes nothing, and says what was expected', async (t) => {
  const before = await operator.status()
  const table: [path: string, body: object, message: string][] = [
    ['force', {}, 'mode: Invalid option: expected one of "open"|"closed"|"auto"'],
    ['force', { mode: 'on', reason: 'x' }, 'mode: Invalid option: expected one of "open"|"closed"|"auto"'],
    ['force', { mode: 'open' }, 'reason: say why, in 1 to 200 characters'],
    ['force', { mode: 'open', reason: ' ' }, 'reason: must not be empty'],
    ['force', { mode: 'open', reason: 'x'.repeat(201) }, 'reason: must be at most 200 characters'],
    [
      'force',
      { mode: 'open', reason: 'x', expiresInSeconds: 86_401 },
      'expiresInSeconds: Too big: expected number to be <=86400'
    ],
    [
      'force',
      { mode: 'open', reason: 'x', expiresInSeconds: 0 },
      'expiresInSeconds: Too small: expected number to be >=1'
    ],
    ['force', { mode: 'open', reason: 'x', forever: true }, 'forever: is not a known field'],
    ['reset', { mode: 'open' }, 'mode: is not a known field']
  ]
  for (const [path, body, message] of table) {
    const answer = await operator.call('POST', `/fallback/${path}`, body)
    t.same(
      [answer.status, answer.body.error.code, answer.body.error.message],
      [400, 'VALIDATION_FAILED', `${message}.`]
    )
  }
  const named = await operator.call('POST', '/fallback/reset', undefined, { 'x-actor': 'two words' })
  t.equal(named.status, 400)
  t.equal(named.body.error.message, 'x-actor must be 1 to 64 characters of _.@+-, A-Z, a-z and 0-9.')
  const { window: _, ...after } = await operator.status()
  t.match(after, { epoch: before.epoch, history: before.history })
})

t.test('nobody but the operator is let in', async (t) => {
  const paths: ['GET' | 'POST', string][] = [
    ['GET', '/metrics'],
    ['GET', '/metrics/acme'],
    ['GET', '/instances'],
    ['GET', '/fallback/status'],
    ['GET', '/fallback/history'],
    ['POST', '/fallback/reset'],
    ['POST', '/fallback/force'],
    ['GET', `/explain?orgId=acme&sessionId=${crypto.randomUUID()}`]
  ]
  let address = 0
  for (const [method, path] of paths) {
    for (const headers of [{}, bearer('wrong'), acme.admin.headers]) {
      const answer = await app.inject({
        method,
        url: `/api/v1/runtime${path}`,
        headers,
        remoteAddress: `10.0.0.${address++}`
      })
      t.match([answer.statusCode, answer.json().error.code], [401, 'UNAUTHENTICATED'], `${method} ${path}`)
    }
  }
})
