import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { Registry } from '@prometheus-io/client'
import t from 'tap'
import {
  createDependencyMetrics,
  createRuntimeMetrics,
  createServiceMetrics,
  readResourceLimits
} from '../src/index.ts'
import { readSeries } from './fixtures/read-series.ts'

const GIB = 1024 ** 3
const MACHINE = { cpuCores: 8, memoryBytes: 64 * GIB }

const LAYOUTS: { name: string; files: Record<string, string>; cpuCores: number; memoryBytes: number }[] = [
  { name: 'no cgroup at all: the machine', files: {}, ...MACHINE },
  {
    name: 'a container with its own namespace, version 2',
    files: {
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/cpu.max': '150000 100000\n',
      'sys/fs/cgroup/memory.max': `${4 * GIB}\n`
    },
    cpuCores: 1.5,
    memoryBytes: 4 * GIB
  },
  {
    name: 'no limit set, version 2',
    files: {
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/memory.max': 'max\n'
    },
    ...MACHINE
  },
  {
    name: 'the tightest group around a service counts',
    files: {
      'proc/self/cgroup': '0::/system.slice/semibot-api.service\n',
      'sys/fs/cgroup/system.slice/cpu.max': '200000 100000\n',
      'sys/fs/cgroup/system.slice/memory.max': `${2 * GIB}\n`,
      'sys/fs/cgroup/system.slice/semibot-api.service/cpu.max': '400000 100000\n',
      'sys/fs/cgroup/system.slice/semibot-api.service/memory.max': `${3 * GIB}\n`
    },
    cpuCores: 2,
    memoryBytes: 2 * GIB
  },
  {
    name: 'version 1',
    files: {
      'proc/self/cgroup': '7:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n',
      'sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us': '50000\n',
      'sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${GIB}\n`
    },
    cpuCores: 0.5,
    memoryBytes: GIB
  },
  {
    name: 'version 1 without limits',
    files: {
      'proc/self/cgroup': '7:memory:/\n3:cpu,cpuacct:/\n',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n'
    },
    ...MACHINE
  }
]

t.test('limits are those of the tightest cgroup, never above the machine', (t) => {
  for (const [index, { name, files, ...expected }] of LAYOUTS.entries()) {
    const root = join(t.testdir(), String(index))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    t.strictSame(readResourceLimits({ root, machine: MACHINE }), expected, name)
  }
  const here = readResourceLimits()
  t.ok(here.cpuCores > 0 && here.cpuCores <= cpus().length)
  t.ok(here.memoryBytes > 0 && here.memoryBytes <= totalmem())
  t.end()
})

t.test('a service shows its limits, its version, dropped log lines and how busy its event loop is', async (t) => {
  const registry = new Registry()
  let nowMs = 0
  let dropped = 3
  let spans = { exported: 7, failed: 0, dropped: 2 }
  createServiceMetrics(registry, {
    version: '9.8.7',
    now: () => nowMs,
    droppedLines: () => dropped,
    spans: () => spans
  })
  const utilization = async () => (await readSeries(registry)).get('service_event_loop_utilization_ratio') ?? -1
  t.equal(await utilization(), 0, 'within the first second nothing is said')
  nowMs = 1000
  const first = await utilization()
  t.ok(first > 0 && first <= 1, `a share of the time: ${first}`)
  nowMs = 1999
  t.equal(await utilization(), first, 'a scrape soon after shows the same')
  const series = await readSeries(registry)
  t.equal(series.get('log_lines_dropped_total'), 3)
  t.equal(series.get('trace_spans_total{outcome="exported"}'), 7)
  spans = { exported: 9, failed: 1, dropped: 2 }
  const later = await readSeries(registry)
  t.strictSame(
    ['exported', 'failed', 'dropped'].map((outcome) => later.get(`trace_spans_total{outcome="${outcome}"}`)),
    [9, 1, 2]
  )
  for (const [next, shown] of [
    [5, 5],
    [Number.NaN, 5],
    [2, 5],
    [9, 9]
  ] as const) {
    dropped = next
    t.equal((await readSeries(registry)).get('log_lines_dropped_total'), shown, `a counter never goes back: ${next}`)
  }
  t.equal(series.get('service_build_info{version="9.8.7"}'), 1)
  t.ok(series.get('service_cpu_limit_cores')! > 0)
  t.ok(series.get('service_memory_limit_bytes')! > GIB / 8)
  t.ok(series.get('process_resident_memory_bytes')! > 0)
})

t.test('a runtime counts tool calls by registered name only', async (t) => {
  const registry = new Registry()
  const metrics = createRuntimeMetrics(registry, { tools: ['calculator', 'current_time'] })
  metrics.setInFlight(7)
  metrics.setInFlightLimit(50)
  metrics.setQueueLength(2)
  metrics.step('llm', 1.2)
  metrics.step('tool', Number.NaN)
  metrics.toolCall('calculator', 'ok')
  for (let n = 0; n < 300; n++) metrics.toolCall(`rm -rf ${n}`, 'error')
  metrics.toolCall('constructor', 'denied')
  const series = await readSeries(registry)
  t.equal(series.get('runtime_execution_in_flight'), 7)
  t.equal(series.get('runtime_execution_in_flight_limit'), 50)
  t.equal(series.get('runtime_execution_queue_length'), 2)
  t.equal(series.get('runtime_step_duration_seconds_bucket{le="2",step="llm"}'), 1)
  t.equal(series.get('runtime_step_duration_seconds_sum{step="tool"}'), 0)
  t.equal(series.get('runtime_tool_calls_total{outcome="ok",tool="calculator"}'), 1)
  t.equal(series.get('runtime_tool_calls_total{outcome="error",tool="other"}'), 300)
  t.equal(series.get('runtime_tool_calls_total{outcome="denied",tool="other"}'), 1)
  t.equal([...series.keys()].filter((key) => key.startsWith('runtime_tool_calls')).length, 3 * 5)
})

t.test('dependencies: the pool is read at each scrape, unknown operations share one series', async (t) => {
  const registry = new Registry()
  const metrics = createDependencyMetrics(registry)
  t.equal((await readSeries(registry)).get('db_pool_connections{state="used"}'), 0, 'without a pool: 0')
  let waiting = 0
  metrics.observePool(() => ({ total: 8, idle: 3, waiting, max: 10 }))
  waiting = 4
  t.equal((await readSeries(registry)).get('redis_pool_connections{state="down"}'), 0, 'without Redis: none')
  metrics.observeRedis(() => ({ ready: 7, total: 10 }))
  metrics.observeHttpClient('model', () => ({
    'http://a': { connected: 5, free: 2, running: 3, pending: 1 },
    'http://b': { connected: true, running: 1, pending: 4 },
    'http://c': { connected: true, running: 0, pending: 0 },
    'http://d': { connected: false, running: 0, pending: Number.NaN }
  }))
  metrics.observeHttpClient('nobody' as 'model', () => ({ x: { connected: 99, pending: 0 } }))
  metrics.databaseQuery('accept_turn', 0.002)
  metrics.databaseQuery('drop table', 0.2)
  metrics.databaseQuery('toString', 0.2)
  metrics.redisCommand('eval', 0.0007)
  metrics.redisCommand('flushall', 1)
  const series = await readSeries(registry)
  t.equal(series.get('db_pool_connections{state="idle"}'), 3)
  t.equal(series.get('db_pool_connections{state="used"}'), 5)
  t.equal(series.get('db_pool_connections_max'), 10)
  t.equal(series.get('db_pool_waiting_requests'), 4)
  t.equal(series.get('redis_pool_connections{state="ready"}'), 7)
  t.equal(series.get('redis_pool_connections{state="down"}'), 3)
  t.equal(series.get('http_client_connections{peer="model",state="used"}'), 4)
  t.equal(series.get('http_client_connections{peer="model",state="idle"}'), 3)
  t.equal(series.get('http_client_connections{peer="runtime",state="idle"}'), 0, 'nobody is called there')
  t.equal(series.get('http_client_pending_requests{peer="model"}'), 0, 'no figure counts as none')
  t.notOk([...series.keys()].some((key) => key.includes('nobody')))
  t.equal(series.get('db_query_duration_seconds_bucket{le="0.0025",operation="accept_turn"}'), 1)
  t.equal(series.get('db_query_duration_seconds_count{operation="other"}'), 2)
  t.equal(series.get('redis_command_duration_seconds_bucket{command="eval",le="0.001"}'), 1)
  t.equal(series.get('redis_command_duration_seconds_count{command="other"}'), 1)
})
