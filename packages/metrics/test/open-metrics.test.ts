import { Registry } from '@prometheus-io/client'
import t from 'tap'
import { createChatMetrics, createServiceMetrics, toOpenMetrics } from '../src/index.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

function build() {
  const registry = new Registry()
  const metrics = createChatMetrics(registry, { executionTimeoutMs: 600_000, now: () => 1_700_000_000_123 })
  createServiceMetrics(registry, { version: '1.2.3' })
  return { registry, metrics }
}

t.test('both forms tell the same samples, and the text form stays as it was', async (t) => {
  const { registry, metrics } = build()
  metrics.executionFinished('direct_llm', { ok: true, latencyMs: 1234 })
  const samples = (page: string) => page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const page = await registry.metrics()
  const open = toOpenMetrics(page, metrics.exemplars)
  t.strictSame(samples(open), samples(page))
  t.strictSame(
    (await registry.metrics()).match(/^# TYPE \S*_total counter$/gm)?.length,
    page.match(/^# TYPE \S+ counter$/gm)?.length,
    'every counter keeps its name'
  )
  t.ok(open.endsWith('\n# EOF\n'))
  t.notMatch(open, /\n\n/)
})

t.test('a counter is announced without its suffix, each family once, its type first', async (t) => {
  const { registry } = build()
  const open = toOpenMetrics(await registry.metrics())
  t.match(open, '# TYPE chat_execution counter\n# HELP chat_execution Finished execution attempts')
  t.match(open, '\nchat_execution_total{mode="direct_llm"} 0\n')
  const families = open.match(/^# TYPE \S+/gm) ?? []
  t.equal(new Set(families).size, families.length)
  t.notMatch(open, /^# TYPE \S+_total counter$/m)
})

t.test('the bucket that an attempt fell into names its trace, and the latest only', async (t) => {
  const { registry, metrics } = build()
  const exemplarLines = async () =>
    toOpenMetrics(await registry.metrics(), metrics.exemplars)
      .split('\n')
      .filter((line) => line.includes(' # {'))
  metrics.executionFinished('direct_llm', { ok: true, latencyMs: 10 })
  t.strictSame(await exemplarLines(), [], 'without a trace there is no exemplar')
  for (let n = 0; n < 50; n++) metrics.executionFinished('direct_llm', { ok: true, latencyMs: 250, traceId: `${n}` })
  metrics.executionFinished('direct_llm', { ok: true, latencyMs: 249.5, traceId: TRACE })
  metrics.executionFinished('runtime_orchestrator', { ok: false, code: 'LLM_REJECTED', latencyMs: 1e9, traceId: TRACE })
  metrics.executionFinished('direct_llm', { ok: true, latencyMs: Number.NaN, traceId: TRACE })
  t.strictSame((await exemplarLines()).toSorted(), [
    `chat_execution_latency_ms_bucket{le="+Inf",mode="runtime_orchestrator"} 1 # {trace_id="${TRACE}"} 1000000000 1700000000.123`,
    `chat_execution_latency_ms_bucket{le="100",mode="direct_llm"} 2 # {trace_id="${TRACE}"} 0 1700000000.123`,
    `chat_execution_latency_ms_bucket{le="250",mode="direct_llm"} 53 # {trace_id="${TRACE}"} 249.5 1700000000.123`
  ])
  t.notMatch(await registry.metrics(), 'trace_id', 'the text form has none')
})
