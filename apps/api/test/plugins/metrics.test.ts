import t from 'tap'
import { metricsPlugin } from '../../src/plugins/metrics.ts'
import { bearer } from '../helpers/bearer.ts'
import { buildEdge } from '../helpers/build-edge.ts'
import type { TestScope } from '../helpers/test-scope.ts'

function build(t: TestScope, environment: Record<string, string>) {
  return buildEdge(t, environment, async (app) => {
    await app.register(metricsPlugin, { version: '1.2.3' })
    app.get('/things/:id', async () => ({}))
  })
}

t.test('/metrics shows chats from boot, the process, and each route by its pattern', async (t) => {
  const app = await build(t, {})
  await app.inject('/things/7')
  const { statusCode, body } = await app.inject('/metrics')
  t.equal(statusCode, 200)
  t.match(body, /^chat_execution_total\{mode="runtime_orchestrator"\} 0$/m)
  t.match(body, /^process_cpu_seconds_total /m)
  t.match(body, /version="1\.2\.3"/)
  t.match(body, /http_request_duration_seconds_count\{[^}]*route="\/things\/:id"[^}]*\} 1/)
  t.notMatch(body, /things\/7/)
})

t.test('what is counted through app.chatMetrics is on the same page', async (t) => {
  const app = await build(t, {})
  app.chatMetrics.executionFinished('direct_llm', { ok: true, latencyMs: 1234 })
  const { body } = await app.inject('/metrics')
  t.match(body, /^chat_execution_success_total\{mode="direct_llm"\} 1$/m)
})

t.test('with METRICS_TOKEN the page is for its holder', async (t) => {
  const app = await build(t, { METRICS_TOKEN: 'metrics-token' })
  t.equal((await app.inject('/metrics')).statusCode, 401)
  t.equal((await app.inject({ url: '/metrics', headers: bearer('wrong') })).statusCode, 401)
  t.equal((await app.inject({ url: '/metrics', headers: bearer('metrics-token') })).statusCode, 200)
})

t.test('two apps of one process do not share figures', async (t) => {
  const [one, other] = [await build(t, {}), await build(t, {})]
  one.chatMetrics.requestFinished('success')
  t.match((await one.inject('/metrics')).body, /^chat_request_total\{outcome="success"\} 1$/m)
  t.match((await other.inject('/metrics')).body, /^chat_request_total\{outcome="success"\} 0$/m)
})
