import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { bearer } from '../../helpers/bearer.ts'
import { buildTestApp } from '../../helpers/build-test-app.ts'
import { isType, openStream } from '../../helpers/chat-client.ts'
import { type RuntimeCall, startFakeRuntime } from '../../helpers/fake-runtime.ts'
import { operatorOf } from '../../helpers/operator.ts'

/** A runtime that does what the message says. */
function obey(call: RuntimeCall): void {
  switch (call.body.message) {
    case 'refuse':
      call.response.writeHead(500).end()
      return
    case 'time out': {
      call.begin()
      const error = { code: 'DEADLINE_EXCEEDED', message: 'too long', retryable: true, requestId: 'x' } as const
      call.send({ type: 'execution.failed', error })
      call.response.end()
      return
    }
    case 'hang':
      call.begin()
      return
    default:
      call.begin()
      call.finish('done')
  }
}

const simulator = await startSimulator(t)
const runtime = await startFakeRuntime(t, obey)
const test = await buildTestApp(t, {
  LLM_BASE_URL: simulator.baseUrl,
  RUNTIME_SERVICE_URL: runtime.url,
  CHAT_RUNTIME_ENABLED_ORGS: 'acme'
})
const { app } = test
const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
const acme = await test.createOrganization('acme')
const other = await test.createOrganization('other')
const operator = operatorOf(app)

async function ask(key: string, message: string): Promise<{ mode: string }> {
  const answer = await app.inject({
    method: 'POST',
    url: '/api/v1/chat',
    headers: bearer(key),
    payload: { message, stream: false }
  })
  return answer.json().data
}

const SEVEN = ['total', 'success', 'error', 'timeout', 'avgLatencyMs', 'errorRate', 'timeoutRate']

t.test('before the first chat everything is 0, in the shape of the operations document', async (t) => {
  const { status, body } = await operator.call('GET', '/metrics')
  t.equal(status, 200)
  t.equal(body.success, true)
  const { data } = body
  t.match(data, { windowSeconds: 300, scope: 'replica', replicas: 1, fallbackEnabled: false, fallbackReason: '' })
  for (const mode of ['direct', 'runtime']) {
    for (const key of SEVEN) t.equal(data[mode][key], 0, `${mode}.${key}`)
    t.match(data[mode], { cancelled: 0, p50LatencyMs: null, p95LatencyMs: null, p99LatencyMs: null, byCode: {} })
  }
  t.match(data.breaker, { seconds: 300, maxSamples: 1000, samples: 0, errorRate: 0 })
})

t.test('after real chats the counts are true', async (t) => {
  t.match(await ask(acme.member.key, 'hello'), { mode: 'runtime_orchestrator' })
  await ask(acme.member.key, 'again')
  t.match(await ask(acme.member.key, 'refuse'), { mode: 'direct_llm' }, 'answered all the same')
  await ask(acme.member.key, 'time out')
  await ask(other.member.key, 'hello')
  const chat = await openStream(`${baseUrl}/api/v1/chat`, acme.member.key, { message: 'hang' })
  await chat.until(isType('execution.started'))
  t.match(await operator.get('/metrics'), { runtime: { inFlight: 1, total: 4 } })
  const executionId = chat.headers.get('x-execution-id')
  await app.inject({
    method: 'POST',
    url: `/api/v1/chat/executions/${executionId}/cancel`,
    headers: acme.member.headers
  })
  await chat.ended

  const { runtime, direct, breaker } = await operator.get('/metrics')
  t.match(runtime, {
    total: 4,
    success: 2,
    error: 2,
    timeout: 1,
    cancelled: 1,
    errorRate: 0.5,
    timeoutRate: 0.25,
    byCode: { RUNTIME_INTERNAL: 1, DEADLINE_EXCEEDED: 1 },
    inFlight: 0
  })
  t.ok(runtime.avgLatencyMs > 0 && runtime.p95LatencyMs > 0 && runtime.p95FirstTokenMs > 0, 'and were timed')
  t.ok(runtime.p50LatencyMs <= runtime.p95LatencyMs && runtime.p95LatencyMs <= runtime.p99LatencyMs)
  t.match(direct, { success: direct.total, error: 0, byCode: {}, cancelled: 0 })
  t.ok(direct.total >= 2, 'the chat of the other organisation, and what failed in the runtime')
  t.match(breaker, { samples: 4, errors: 1, timeouts: 1, errorRate: 0.25, timeoutRate: 0.25 })

  const metrics = (await app.inject('/metrics')).body
  t.match(metrics, `chat_execution_total{mode="runtime_orchestrator"} ${runtime.total}`, 'the dashboards agree')
  t.match(metrics, `chat_execution_total{mode="direct_llm"} ${direct.total}`)
  t.match(metrics, `chat_execution_cancelled_total{mode="runtime_orchestrator"} 1`)
})

t.test('an organisation is asked for by id or by slug, and has its own chats only', async (t) => {
  const byId = await operator.get(`/metrics/${acme.id}`)
  t.match(byId, { orgId: acme.id, orgSlug: 'acme', windowSeconds: 300 })
  for (const mode of ['direct', 'runtime']) t.match(Object.keys(byId[mode]), SEVEN)
  t.same(await operator.get('/metrics/acme'), byId)
  t.match(byId.runtime, { success: 2, cancelled: 1 })
  t.equal(byId.direct.total + byId.runtime.error, 2, 'the two that failed in the runtime')
  t.match(await operator.get('/metrics/other'), {
    direct: { total: 1, success: 1, error: 0, p95LatencyMs: Number },
    runtime: { total: 0, p95LatencyMs: null }
  })
  for (const unknown of ['nobody', crypto.randomUUID()]) {
    const { status, body } = await operator.call('GET', `/metrics/${unknown}`)
    t.equal(status, 404)
    t.match(body.error, { code: 'NOT_FOUND', message: /^There is no organisation with this id or slug/ })
  }
})

t.test('the instances are listed with their health and their circuit', async (t) => {
  const instances = await waitFor(
    async () => {
      const found = await operator.get('/instances')
      return found[0].health !== null && found
    },
    { what: 'the first health check' }
  )
  t.match(instances, [
    {
      url: runtime.url,
      isUp: true,
      out: '',
      inFlight: 0,
      ejectedUntil: null,
      circuit: { name: String, isOpen: false },
      health: { healthy: true, detail: '', checkedAt: /^\d{4}-.*Z$/, latencyMs: Number }
    }
  ])
  t.equal(instances.length, 1)
})

t.test('figures are not rationed: an operator may watch them', async (t) => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => operator.call('GET', '/metrics')))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
})
