import { spawnSync } from 'node:child_process'
import { Registry } from '@prometheus-io/client'
import t from 'tap'
import {
  createChatMetrics,
  createDependencyMetrics,
  createMcpMetrics,
  createRuntimeMetrics,
  createServiceMetrics,
  LINT_EXCEPTIONS,
  METRICS,
  type MetricDefinition
} from '../src/index.ts'
import { labelSets } from '../src/instruments.ts'
import { readSeries, seriesKey } from './fixtures/read-series.ts'

const registry = new Registry()
createChatMetrics(registry)
createRuntimeMetrics(registry, { tools: ['calculator'] })
createMcpMetrics(registry, ['files'])
createDependencyMetrics(registry)
createServiceMetrics(registry, { version: '1.2.3' })

const definitions: MetricDefinition[] = Object.values(METRICS)
const own = definitions.filter((definition) => definition !== METRICS.httpRequestDuration)

t.test('every metric of the catalogue is registered as it is described', (t) => {
  for (const { name, help, type, labels, buckets } of own) {
    const metric = registry.getSingleMetric(name) as unknown as {
      type: string
      help: string
      labelNames: string[]
      buckets?: number[]
    }
    t.ok(metric, `${name} is registered`)
    t.strictSame([metric.type, metric.help, metric.labelNames], [type, help, Object.keys(labels)], name)
    if (type === 'histogram') t.strictSame(metric.buckets, [...buckets], `${name} has its buckets`)
  }
  const foreign = registry
    .getMetricsAsArray()
    .map((metric) => metric.name)
    .filter((name) => !own.some((definition) => definition.name === name))
  t.strictSame(
    foreign.filter((name) => !/^(nodejs|process)_/.test(name)),
    [],
    'and nothing else but the default metrics'
  )
  t.ok(foreign.includes('nodejs_eventloop_lag_p99_seconds'))
  t.notOk(foreign.some((name) => name.includes('eventloop_utilization')))
  t.end()
})

t.test('every series of closed labels is there before anything happened', async (t) => {
  const series = await readSeries(registry)
  for (const { name, type, labels } of own) {
    for (const set of labelSets(labels)) {
      const pairs = Object.entries(set).map(([label, value]) => `${label}="${value}"`)
      const key = seriesKey(type === 'histogram' ? `${name}_count` : name, pairs)
      t.ok(series.has(key), `${key} is at ${series.get(key)}`)
      if (type !== 'gauge') t.equal(series.get(key), 0, key)
    }
  }
  t.equal(series.get('chat_runtime_breaker_state{state="closed"}'), 1)
  t.equal(series.get('chat_runtime_fallback_enabled'), 0)
  t.equal(series.get('runtime_tool_calls_total{outcome="ok",tool="calculator"}'), 0)
  t.equal(series.get('runtime_mcp_server_up{server="files"}'), 0)
  t.equal(series.get('runtime_mcp_calls_total{outcome="unknown",server="files"}'), 0)
  t.equal(series.get('service_build_info{version="1.2.3"}'), 1)
})

t.test('names follow the rules of Prometheus, but for the exceptions that are named', (t) => {
  t.equal(new Set(definitions.map((definition) => definition.name)).size, definitions.length, 'names are unique')
  for (const { name, help, type, labels, buckets } of definitions) {
    t.match(name, /^(chat|runtime|db|redis|http|service|log|trace)(_[a-z0-9]+)+$/)
    t.equal(name.endsWith('_total'), type === 'counter', `${name} ends in _total when it is a counter`)
    t.notMatch(name, /_(counter|gauge|histogram|summary|count|sum|bucket)$/)
    if (!(LINT_EXCEPTIONS as readonly string[]).includes(name)) {
      t.notMatch(name, /_(ms|msec|millis|milliseconds|sec|s|min|minutes|kb|mb|percent)(_|$)/, `${name} has a base unit`)
    }
    t.match(help, /^[A-Z0-9].*\.$/, `${name} is explained by a sentence`)
    t.strictSame(
      [...buckets],
      [...new Set(buckets)].toSorted((a, b) => a - b),
      `${name} has ascending edges`
    )
    for (const label of Object.keys(labels)) {
      t.notMatch(label, /^(le|quantile|instance|job|org.*|user.*|session.*)$/, `${name} may not have label ${label}`)
    }
  }
  t.strictSame(
    [3000, 5000, 10_000, 300_000].filter((edge) => !METRICS.executionLatency.buckets.includes(edge)),
    [],
    'the thresholds that operators look at are edges'
  )
  t.end()
})

t.test('promtool agrees, where there is one', async (t) => {
  const text = await registry.metrics()
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (checked.error !== undefined) {
    t.match(checked.error, { code: 'ENOENT' }, 'promtool is not on this machine; the rules above stand in')
    return
  }
  const named = checked.stderr
    .trim()
    .split('\n')
    .map((line) => line.split(' ', 1)[0])
  t.strictSame(named.toSorted(), LINT_EXCEPTIONS.toSorted(), checked.stderr)
})

t.test('the page stays small, whatever the time of day', async (t) => {
  const lines = (await registry.metrics()).split('\n').length
  t.ok(lines < 1200, `${lines} lines for both services together`)
})
