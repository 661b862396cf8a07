import { Registry } from '@prometheus-io/client'
import fc from 'fast-check'
import t from 'tap'
import {
  BREAKER_STATES,
  type ChatMetrics,
  createChatMetrics,
  EXECUTION_ERROR_CODES,
  MAX_TARGETS,
  MODES,
  type Mode
} from '../src/index.ts'
import { readSeries } from './fixtures/read-series.ts'

function build(options?: Parameters<typeof createChatMetrics>[1]) {
  const registry = new Registry()
  return { registry, metrics: createChatMetrics(registry, options) }
}

type Act = (metrics: ChatMetrics) => void

const mode = fc.constantFrom<Mode>(...MODES)
const latencyMs = fc.oneof(fc.double(), fc.integer({ min: 0, max: 400_000 }))
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.tuple(mode, latencyMs).map(
    ([m, ms]): Act =>
      (metrics) =>
        metrics.executionFinished(m, { ok: true, latencyMs: ms })
  ),
  fc.tuple(mode, fc.constantFrom(...EXECUTION_ERROR_CODES), latencyMs).map(
    ([m, code, ms]): Act =>
      (metrics) =>
        metrics.executionFinished(m, { ok: false, code, latencyMs: ms })
  ),
  mode.map(
    (m): Act =>
      (metrics) =>
        metrics.executionCancelled(m)
  ),
  mode.map(
    (m): Act =>
      (metrics) =>
        metrics.executionStarted(m)
  ),
  fc.tuple(mode, fc.double(), fc.double()).map(
    ([m, a, b]): Act =>
      (metrics) =>
        metrics.tokens(m, a, b)
  )
)

t.test('total = success + error = reasons + success = observed latencies, at every scrape', async (t) => {
  const property = fc.asyncProperty(fc.array(fc.array(act, { maxLength: 20 }), { maxLength: 5 }), async (scrapes) => {
    const { registry, metrics } = build()
    for (const acts of scrapes) {
      for (const perform of acts) perform(metrics)
      const series = await readSeries(registry)
      const sum = (prefix: string, m: Mode) =>
        [...series]
          .filter(([key]) => key.startsWith(prefix) && key.includes(`mode="${m}"`))
          .reduce((n, [, v]) => n + v, 0)
      for (const m of MODES) {
        const total = sum('chat_execution_total', m)
        const error = sum('chat_execution_error_total', m)
        const balanced =
          total === sum('chat_execution_success_total', m) + error &&
          error === sum('chat_execution_error_reasons_total', m) &&
          total === sum('chat_execution_latency_ms_count', m)
        if (!balanced) throw new Error(`unbalanced for ${m}: ${JSON.stringify([...series])}`)
      }
      const broken = [...series].filter(([, value]) => !Number.isFinite(value))
      if (broken.length > 0) throw new Error(`no figures: ${JSON.stringify(broken)}`)
    }
  })
  await t.resolves(fc.assert(property, { numRuns: 150 }))
})

t.test('nonsense is not kept, and sums stay finite', async (t) => {
  const { registry, metrics } = build()
  for (const latencyMs of [Number.MAX_VALUE, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN, -1]) {
    metrics.executionFinished('direct_llm', { ok: true, latencyMs })
    metrics.tokens('direct_llm', latencyMs, latencyMs)
  }
  const series = await readSeries(registry)
  t.equal(series.get('chat_execution_latency_ms_sum{mode="direct_llm"}'), 2 * Number.MAX_SAFE_INTEGER)
  t.same(
    [...series].filter(([, value]) => !Number.isFinite(value)),
    []
  )
})

t.test('counts what it is told, each in its own place', async (t) => {
  const { registry, metrics } = build()
  metrics.executionStarted('direct_llm')
  metrics.executionStarted('direct_llm')
  metrics.executionEnded('direct_llm')
  metrics.setInFlightLimit('runtime_orchestrator', 50)
  metrics.executionFinished('runtime_orchestrator', { ok: false, code: 'RUNTIME_STALLED', latencyMs: 1801 })
  metrics.executionFinished('direct_llm', { ok: true, latencyMs: 4999 })
  metrics.executionCancelled('direct_llm')
  metrics.requestFinished('rejected')
  metrics.firstToken('direct_llm', 0.31)
  metrics.outputRate('direct_llm', 49)
  metrics.tokens('direct_llm', 12, 345)
  metrics.fallbackExecution('RUNTIME_STALLED')
  metrics.fallbackTransition('open', 'unavailable')
  metrics.setFallback(true, false)
  metrics.breakerRejection()
  metrics.probe('error')
  metrics.shadow('completed')
  metrics.shed('queue_full')
  metrics.healthCheck(true, 0.004)
  const series = await readSeries(registry)
  const expected: Record<string, number> = {
    'chat_execution_in_flight{mode="direct_llm"}': 1,
    'chat_execution_in_flight_limit{mode="runtime_orchestrator"}': 50,
    'chat_execution_total{mode="runtime_orchestrator"}': 1,
    'chat_execution_success_total{mode="runtime_orchestrator"}': 0,
    'chat_execution_error_reasons_total{code="RUNTIME_STALLED",mode="runtime_orchestrator"}': 1,
    'chat_execution_latency_ms_bucket{le="2000",mode="runtime_orchestrator"}': 1,
    'chat_execution_latency_ms_bucket{le="1500",mode="runtime_orchestrator"}': 0,
    'chat_execution_success_total{mode="direct_llm"}': 1,
    'chat_execution_cancelled_total{mode="direct_llm"}': 1,
    'chat_request_total{outcome="rejected"}': 1,
    'chat_time_to_first_token_seconds_sum{mode="direct_llm"}': 0.31,
    'chat_output_tokens_per_second_count{mode="direct_llm"}': 1,
    'chat_tokens_total{mode="direct_llm",type="input"}': 12,
    'chat_tokens_total{mode="direct_llm",type="output"}': 345,
    'chat_fallback_executions_total{reason="RUNTIME_STALLED"}': 1,
    'chat_runtime_fallback_transitions_total{reason="unavailable",to="open"}': 1,
    chat_runtime_fallback_enabled: 1,
    chat_runtime_fallback_forced: 0,
    chat_runtime_breaker_rejections_total: 1,
    'chat_runtime_probe_total{result="error"}': 1,
    'chat_shadow_total{verdict="completed"}': 1,
    'chat_shed_total{reason="queue_full"}': 1,
    chat_runtime_health_status: 1,
    'chat_runtime_health_check_duration_seconds_bucket{le="0.005"}': 1
  }
  for (const [key, value] of Object.entries(expected)) t.equal(series.get(key), value, key)
})

t.test('the breaker is in exactly one state', async (t) => {
  const { registry, metrics } = build()
  for (const state of [...BREAKER_STATES, 'open', 'open', 'closed'] as const) {
    metrics.setBreakerState(state)
    const series = await readSeries(registry)
    const on = BREAKER_STATES.filter((each) => series.get(`chat_runtime_breaker_state{state="${each}"}`) === 1)
    t.strictSame(on, [state])
  }
})

t.test('however many instances report, the label has at most 65 values', async (t) => {
  const { registry, metrics } = build()
  for (let n = 0; n < 500; n++) metrics.setInstanceUp(`10.0.0.${n}:8000`, n % 2 === 0)
  const targets = async () => [...(await readSeries(registry)).keys()].filter((key) => key.includes('instance_up'))
  t.equal((await targets()).length, MAX_TARGETS + 1)
  t.ok((await targets()).includes('chat_runtime_instance_up{target="other"}'))
  t.equal((await readSeries(registry)).get('chat_runtime_instance_up{target="10.0.0.63:8000"}'), 0)
  metrics.removeInstance('10.0.0.63:8000')
  metrics.removeInstance('never seen')
  metrics.setInstanceUp('10.0.0.499:8000', true)
  t.ok((await targets()).includes('chat_runtime_instance_up{target="10.0.0.499:8000"}'), 'a place becomes free')
  t.equal((await targets()).length, MAX_TARGETS + 1)
})

t.test('a longer execution timeout gets an edge of its own', async (t) => {
  const longer = build({ executionTimeoutMs: 600_000 })
  longer.metrics.executionFinished('direct_llm', { ok: true, latencyMs: 400_000 })
  const series = await readSeries(longer.registry)
  t.equal(series.get('chat_execution_latency_ms_bucket{le="600000",mode="direct_llm"}'), 1)
  t.equal(series.get('chat_execution_latency_ms_bucket{le="300000",mode="direct_llm"}'), 0)
  const usual = await readSeries(build({ executionTimeoutMs: 300_000 }).registry)
  t.equal([...usual.keys()].filter((key) => key.startsWith('chat_execution_latency_ms_bucket')).length, 2 * 24)
})

t.test('a second set of instruments on the same registry is refused', async (t) => {
  const { registry } = build()
  t.throws(() => createChatMetrics(registry), /already been registered/)
})
