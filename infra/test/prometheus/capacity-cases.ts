import { type AlertCase, below, type CaseFile, counter, fires, gauge, over, value } from './promtool-file.ts'

type Phase = [perStep: number, steps: number]

/** A latency histogram of one replica: what each phase adds to the buckets 3000, 5000, 7500 and the rest. */
function latency(
  labels: string,
  phases: readonly { steps: number; upTo3s: number; upTo5s: number; upTo7s: number; all: number }[]
) {
  const series = (pick: (phase: (typeof phases)[number]) => number): string =>
    counter(...phases.map((phase): Phase => [pick(phase), phase.steps]))
  return {
    [`chat_execution_latency_ms_bucket{${labels},le="3000"}`]: series(({ upTo3s }) => upTo3s),
    [`chat_execution_latency_ms_bucket{${labels},le="5000"}`]: series(({ upTo5s }) => upTo5s),
    [`chat_execution_latency_ms_bucket{${labels},le="7500"}`]: series(({ upTo7s }) => upTo7s),
    [`chat_execution_latency_ms_bucket{${labels},le="+Inf"}`]: series(({ all }) => all),
    [`chat_execution_latency_ms_count{${labels}}`]: series(({ all }) => all)
  }
}

const P95_AT_5S = { steps: 20, upTo3s: 90, upTo5s: 95, upTo7s: 100, all: 100 }
const P95_AT_6S = { steps: 20, upTo3s: 80, upTo5s: 90, upTo7s: 100, all: 100 }
const FAST = { steps: 20, upTo3s: 100, upTo5s: 100, upTo7s: 100, all: 100 }

const slow: AlertCase = {
  name: 'the 95th percentile is judged above five seconds, by mode, over all replicas',
  interval: '1m',
  series: {
    ...latency('job="api",instance="a",mode="runtime_orchestrator"', [P95_AT_5S, P95_AT_6S, FAST]),
    ...latency('job="api",instance="b",mode="runtime_orchestrator"', [P95_AT_5S, P95_AT_6S, FAST]),
    // A mode that is slow all the time; it must not be mixed into the other.
    ...latency('job="api",instance="a",mode="direct_llm"', [
      { ...P95_AT_6S, steps: 40, upTo3s: 0, upTo5s: 0 },
      { ...FAST, steps: 20 }
    ])
  },
  looks: [
    below('HighLatency', '20m'),
    value('round(histogram_quantile(0.95, chat_execution_latency_ms{mode="runtime_orchestrator"}), 0.001)', '20m', {
      '{job="api",mode="runtime_orchestrator"}': 5000
    }),
    fires('HighLatency', '35m', { labels: { job: 'api', mode: 'runtime_orchestrator' } }),
    value('round(histogram_quantile(0.95, chat_execution_latency_ms{mode="runtime_orchestrator"}), 0.001)', '35m', {
      '{job="api",mode="runtime_orchestrator"}': 6250
    }),
    value('round(histogram_quantile(0.50, chat_execution_latency_ms{mode="runtime_orchestrator"}), 0.001)', '35m', {
      '{job="api",mode="runtime_orchestrator"}': 1875
    }),
    value('round(job_mode:chat_execution_latency_ms:p99_5m{mode="runtime_orchestrator"}, 0.001)', '35m', {
      '{job="api",mode="runtime_orchestrator"}': 7250
    }),
    over('HighLatency', '50m'),
    fires('ScaleOutLatencyHigh', '20m', {
      labels: { job: 'api', mode: 'direct_llm' },
      description: 'direct_llm P95 7.375k ms'
    }),
    over('ScaleOutLatencyHigh', '50m')
  ]
}

const notYetSlow: AlertCase = {
  name: 'a 95th percentile of five seconds is none above it',
  interval: '1m',
  series: latency('job="api",instance="a",mode="direct_llm"', [P95_AT_5S]),
  looks: [below('ScaleOutLatencyHigh', '19m')]
}

const PERIOD = 15

const machine: AlertCase = {
  name: 'CPU and memory are shares of what the process may use',
  interval: `${PERIOD}s`,
  series: {
    // Cores of four: 2.76, 3.2, 0.4.
    'process_cpu_seconds_total{job="runtime-service",instance="rt"}': counter(
      [2.76 * PERIOD, 40],
      [3.2 * PERIOD, 60],
      [0.4 * PERIOD, 40]
    ),
    'service_cpu_limit_cores{job="runtime-service",instance="rt"}': gauge([4, 141]),
    'process_resident_memory_bytes{job="api",instance="a"}': gauge(
      [3_400_000_000, 41],
      [3_500_000_000, 60],
      [2_000_000_000, 40]
    ),
    'service_memory_limit_bytes{job="api",instance="a"}': gauge([4_294_967_296, 141]),
    // Others' processes are none of ours.
    'process_cpu_seconds_total{job="node",instance="n"}': counter([4 * PERIOD, 140]),
    'service_cpu_limit_cores{job="node",instance="n"}': gauge([4, 141]),
    'process_resident_memory_bytes{job="node",instance="n"}': gauge([4_294_967_296, 141]),
    'service_memory_limit_bytes{job="node",instance="n"}': gauge([4_294_967_296, 141])
  },
  looks: [
    below('ScaleOutCpuHigh', '10m'),
    fires('ScaleOutCpuHigh', '22m', {
      labels: { job: 'runtime-service', instance: 'rt' },
      description: 'rt CPU 80%'
    }),
    over('ScaleOutCpuHigh', '34m'),
    below('ScaleOutMemoryHigh', '10m'),
    below('ScaleOutMemoryHigh', '14m'),
    fires('ScaleOutMemoryHigh', '20m', { labels: { job: 'api', instance: 'a' }, description: 'a 内存 81.49%' }),
    over('ScaleOutMemoryHigh', '26m')
  ]
}

const eventLoop: AlertCase = {
  name: 'a busy event loop is told of although most cores are idle',
  interval: '15s',
  series: {
    'service_event_loop_utilization_ratio{job="api",instance="a"}': gauge([0.79, 40], [0.93, 40], [0.2, 40]),
    'service_event_loop_utilization_ratio{job="simulator",instance="s"}': gauge([1, 120])
  },
  looks: [
    below('EventLoopSaturated', '9m'),
    below('EventLoopSaturated', '14m'),
    fires('EventLoopSaturated', '18m', {
      labels: { job: 'api', instance: 'a' },
      description: 'api a 事件循环占用 93%'
    }),
    over('EventLoopSaturated', '21m')
  ]
}

export const CAPACITY_CASES: CaseFile = {
  name: 'capacity',
  rules: ['recording', 'alerts', 'operations-document'],
  evaluationInterval: '15s',
  cases: [slow, notYetSlow, machine, eventLoop]
}
