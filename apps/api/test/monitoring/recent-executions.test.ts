import t from 'tap'
import { describeMode } from '../../src/monitoring/describe-mode.ts'
import { createRecentExecutions, RECENT_SECONDS } from '../../src/monitoring/recent-executions.ts'

t.test('the figures of a mode are those of its executions of the last five minutes', async (t) => {
  let time = 0
  const recent = createRecentExecutions(() => time)
  const figures = () => {
    const { direct_llm, runtime_orchestrator } = recent.snapshot()
    return { direct: describeMode([direct_llm]), runtime: describeMode([runtime_orchestrator]) }
  }
  const none = {
    total: 0,
    success: 0,
    error: 0,
    timeout: 0,
    avgLatencyMs: 0,
    errorRate: 0,
    timeoutRate: 0,
    cancelled: 0,
    p50LatencyMs: null,
    p95LatencyMs: null,
    p99LatencyMs: null,
    p95FirstTokenMs: null,
    byCode: {},
    inFlight: 0
  }
  t.strictSame(figures(), { direct: none, runtime: none })

  recent.completed('runtime_orchestrator', 200.4, 90)
  recent.completed('runtime_orchestrator', 99.6)
  recent.failed('runtime_orchestrator', 'RUNTIME_UNAVAILABLE')
  recent.failed('runtime_orchestrator', 'DEADLINE_EXCEEDED')
  recent.failed('runtime_orchestrator', 'RUNTIME_TIMEOUT')
  recent.cancelled('runtime_orchestrator')
  recent.started('direct_llm')
  recent.started('direct_llm')
  recent.ended('direct_llm')
  const seen = figures()
  t.strictSame(seen.direct, { ...none, inFlight: 1 })
  t.strictSame(seen.runtime, {
    ...none,
    total: 5,
    success: 2,
    error: 3,
    timeout: 2,
    avgLatencyMs: 150,
    errorRate: 0.6,
    timeoutRate: 0.4,
    cancelled: 1,
    p50LatencyMs: 100,
    p95LatencyMs: 235,
    p99LatencyMs: 247,
    p95FirstTokenMs: 97.5,
    byCode: { RUNTIME_UNAVAILABLE: 1, RUNTIME_TIMEOUT: 1, DEADLINE_EXCEEDED: 1 }
  })

  time += (RECENT_SECONDS - 1) * 1000
  t.equal(figures().runtime.total, 5, 'they are remembered so long')
  time += 1000
  t.strictSame(figures(), { direct: { ...none, inFlight: 1 }, runtime: none }, 'and no longer')
})

t.test('figures of several replicas add up', async (t) => {
  const one = createRecentExecutions()
  const other = createRecentExecutions()
  one.completed('direct_llm', 50)
  other.completed('direct_llm', 150)
  other.failed('direct_llm', 'LLM_UNAVAILABLE')
  other.started('direct_llm')
  const both = describeMode([one.snapshot().direct_llm, other.snapshot().direct_llm])
  t.match(both, { total: 3, success: 2, avgLatencyMs: 100, byCode: { LLM_UNAVAILABLE: 1 }, inFlight: 1 })
  t.equal(describeMode([]).total, 0)
})
