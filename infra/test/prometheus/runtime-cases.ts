import { type AlertCase, below, type CaseFile, counter, fires, gauge, over, value } from './promtool-file.ts'

const RUNTIME = 'mode="runtime_orchestrator"'
const API = 'job="api",instance="a"'
const HIDDEN = 'api 探测不到可用的 Runtime；回退期间没有 Runtime 流量，错误率告警看不到它'

const down: AlertCase = {
  name: 'a process that does not answer for a minute is down, one that misses scrapes for less is not',
  interval: '15s',
  series: {
    'up{job="runtime-service",instance="rt"}': gauge([1, 9], [0, 13], [1, 20]),
    'up{job="runtime-service",instance="rt2"}': gauge([1, 9], [0, 4], [1, 29]),
    [`up{${API}}`]: gauge([1, 9], [0, 13], [1, 20])
  },
  looks: [
    below('RuntimeServiceDown', '3m'),
    fires('RuntimeServiceDown', '4m', { labels: { job: 'runtime-service', instance: 'rt' } }),
    over('RuntimeServiceDown', '6m'),
    below('ApiServiceDown', '3m'),
    fires('ApiServiceDown', '4m', { labels: { job: 'api', instance: 'a' }, description: 'a 已停止响应超过 1 分钟' }),
    over('ApiServiceDown', '6m')
  ]
}

const absent: AlertCase = {
  name: 'what nobody scrapes any more is told apart from what is down',
  interval: '15s',
  series: {
    'up{job="runtime-service",instance="rt"}': gauge([1, 20], ['none', 40], [1, 20]),
    [`chat_execution_total{${API},${RUNTIME}}`]: gauge([5, 20], ['none', 40], [5, 20]),
    [`chat_runtime_fallback_enabled{${API}}`]: gauge([0, 80])
  },
  looks: [
    below('RuntimeServiceAbsent', '9m45s'),
    fires('RuntimeServiceAbsent', '11m', { labels: { job: 'runtime-service' } }),
    over('RuntimeServiceAbsent', '16m'),
    below('RuntimeServiceDown', '11m'),
    below('ChatMetricsAbsent', '9m45s'),
    fires('ChatMetricsAbsent', '11m', { labels: { mode: 'runtime_orchestrator' } }),
    over('ChatMetricsAbsent', '16m')
  ]
}

const gaugeAbsent: AlertCase = {
  name: 'a fallback gauge that is gone is noticed, too',
  interval: '15s',
  series: { [`chat_execution_total{${API},${RUNTIME}}`]: gauge([5, 60]) },
  looks: [below('ChatMetricsAbsent', '4m45s'), fires('ChatMetricsAbsent', '6m', { labels: {} })]
}

const errorRate: AlertCase = {
  name: 'the error rate of the runtime is judged above ten percent, for five minutes',
  interval: '1m',
  series: {
    [`chat_execution_total{${API},${RUNTIME}}`]: counter([100, 80]),
    [`chat_execution_error_total{${API},${RUNTIME}}`]: counter([10, 20], [12, 20], [1, 40]),
    // Another mode without failures must not thin the share out.
    [`chat_execution_total{${API},mode="direct_llm"}`]: counter([900, 80]),
    [`chat_execution_error_total{${API},mode="direct_llm"}`]: counter([0, 80])
  },
  looks: [
    below('HighErrorRate', '20m'),
    below('HighErrorRate', '25m'),
    fires('HighErrorRate', '35m', { labels: {} }),
    over('HighErrorRate', '45m'),
    value('job_mode:chat_execution_error:ratio_rate5m', '35m', {
      'job_mode:chat_execution_error:ratio_rate5m{job="api",mode="runtime_orchestrator"}': 0.12,
      'job_mode:chat_execution_error:ratio_rate5m{job="api",mode="direct_llm"}': 0
    })
  ]
}

const chatErrorRate: AlertCase = {
  name: "the panel's alert looks at both modes, above five percent",
  interval: '1m',
  series: {
    [`chat_execution_total{${API},mode="direct_llm"}`]: counter([1000, 60]),
    [`chat_execution_error_total{${API},mode="direct_llm"}`]: counter([49, 20], [60, 20], [10, 20]),
    [`chat_execution_total{${API},${RUNTIME}}`]: counter([1000, 60]),
    [`chat_execution_error_total{${API},${RUNTIME}}`]: counter([0, 60])
  },
  looks: [
    below('ChatErrorRateHigh', '20m'),
    fires('ChatErrorRateHigh', '30m', {
      labels: { mode: 'direct_llm' },
      description: 'direct_llm 模式错误率 6.0%'
    }),
    over('ChatErrorRateHigh', '50m'),
    // The condition of capacity at the same level.
    below('ScaleOutErrorRateHigh', '20m'),
    fires('ScaleOutErrorRateHigh', '30m', {
      labels: { job: 'api', mode: 'direct_llm' },
      description: 'direct_llm 错误率 6%'
    }),
    over('ScaleOutErrorRateHigh', '50m')
  ]
}

const trickle: AlertCase = {
  name: 'one failure in a trickle of traffic is no reason for more instances',
  interval: '1m',
  series: {
    [`chat_execution_total{${API},mode="direct_llm"}`]: counter([2, 40]),
    [`chat_execution_error_total{${API},mode="direct_llm"}`]: counter([1, 40])
  },
  looks: [below('ScaleOutErrorRateHigh', '30m')]
}

const idle: AlertCase = {
  name: 'without traffic nothing fires, and no recorded figure is NaN',
  interval: '1m',
  series: {
    [`chat_execution_total{${API},${RUNTIME}}`]: gauge([100, 21]),
    [`chat_execution_error_total{${API},${RUNTIME}}`]: gauge([50, 21]),
    [`chat_execution_latency_ms_bucket{${API},${RUNTIME},le="5000"}`]: gauge([90, 21]),
    [`chat_execution_latency_ms_bucket{${API},${RUNTIME},le="+Inf"}`]: gauge([100, 21])
  },
  looks: [
    value('job_mode:chat_execution_error:ratio_rate5m', '15m', {}),
    value('job_mode:chat_execution_latency_ms:p95_5m', '15m', {}),
    below('HighErrorRate', '15m'),
    below('ChatErrorRateHigh', '15m'),
    below('HighLatency', '15m')
  ]
}

const fallback: AlertCase = {
  name: 'a fallback is told of for each replica after a minute, and replicas that differ after five',
  interval: '15s',
  series: {
    'chat_runtime_fallback_enabled{job="api",instance="a"}': gauge([0, 5], [1, 60], [0, 20]),
    'chat_runtime_fallback_enabled{job="api",instance="b"}': gauge([0, 50], [0, 35])
  },
  looks: [
    below('AutoFallbackTriggered', '2m'),
    fires('AutoFallbackTriggered', '3m', { labels: { job: 'api', instance: 'a' } }),
    over('AutoFallbackTriggered', '17m'),
    below('RuntimeFallbackSplitBrain', '6m'),
    fires('RuntimeFallbackSplitBrain', '10m', { labels: { job: 'api' }, description: '50% 的副本处于回退' }),
    over('RuntimeFallbackSplitBrain', '17m')
  ]
}

const agreed: AlertCase = {
  name: 'replicas that have all fallen back agree',
  interval: '15s',
  series: {
    'chat_runtime_fallback_enabled{job="api",instance="a"}': gauge([1, 60]),
    'chat_runtime_fallback_enabled{job="api",instance="b"}': gauge([1, 60])
  },
  looks: [
    below('RuntimeFallbackSplitBrain', '12m'),
    fires(
      'AutoFallbackTriggered',
      '12m',
      { labels: { job: 'api', instance: 'a' } },
      { labels: { job: 'api', instance: 'b' } }
    )
  ]
}

const flapping: AlertCase = {
  name: 'six changes in thirty minutes are too many, five are not',
  interval: '1m',
  series: {
    [`chat_runtime_fallback_enabled{${API}}`]: '0 0 1 1 1 0 0 0 1 1 1 0 0 0 1 1 1 0 0 0 0x50'
  },
  looks: [
    below('RuntimeFallbackFlapping', '16m'),
    fires('RuntimeFallbackFlapping', '20m', { labels: { job: 'api' }, description: '30 分钟内状态变化 6 次' }),
    // Still six within thirty minutes until the first one has left, and ten minutes more.
    fires('RuntimeFallbackFlapping', '40m', { labels: { job: 'api' }, description: '30 分钟内状态变化 6 次' }),
    over('RuntimeFallbackFlapping', '50m')
  ]
}

const stuck: AlertCase = {
  name: 'a fallback that outlives the trouble by half an hour is stuck',
  interval: '1m',
  series: {
    [`chat_runtime_fallback_enabled{${API}}`]: gauge([0, 2], [1, 60], [0, 20]),
    [`chat_runtime_fallback_forced{${API}}`]: gauge([0, 82]),
    'up{job="runtime-service",instance="rt"}': gauge([0, 10], [1, 72])
  },
  looks: [
    below('RuntimeFallbackStuck', '39m'),
    fires('RuntimeFallbackStuck', '42m', { labels: { job: 'api' } }),
    over('RuntimeFallbackStuck', '65m')
  ]
}

const forced: AlertCase = {
  name: 'an order of an operator is no stuck fallback, and neither is one whose runtime is away',
  interval: '1m',
  series: {
    'chat_runtime_fallback_enabled{job="api",instance="a"}': gauge([1, 60]),
    'chat_runtime_fallback_forced{job="api",instance="a"}': gauge([1, 60]),
    'up{job="runtime-service",instance="rt"}': gauge([1, 60])
  },
  looks: [below('RuntimeFallbackStuck', '50m')]
}

/** Minute by minute: good, the runtime is dead and the breaker open, good again. */
const outage: AlertCase = {
  name: 'a dead runtime is told of as long as it is dead, while the fallback hides the errors',
  interval: '15s',
  series: {
    [`chat_execution_total{${API},${RUNTIME}}`]: counter([10, 40], [0, 200], [10, 80]),
    [`chat_execution_error_total{${API},${RUNTIME}}`]: counter([0, 39], [5, 1], [0, 280]),
    [`chat_runtime_fallback_enabled{${API}}`]: gauge([0, 40], [1, 204], [0, 76]),
    [`chat_runtime_instance_up{${API},target="rt:8000"}`]: gauge([1, 40], [0, 200], [1, 80]),
    [`chat_runtime_probe_total{${API},result="error"}`]: counter([0, 320]),
    [`chat_runtime_probe_total{${API},result="success"}`]: counter([0, 240], [1, 4], [0, 76])
  },
  looks: [
    below('RuntimeProbeFailing', '12m'),
    fires('RuntimeProbeFailing', '15m', { labels: { job: 'api' }, description: HIDDEN }),
    fires('RuntimeProbeFailing', '50m', { labels: { job: 'api' }, description: HIDDEN }),
    below('HighErrorRate', '50m'),
    over('RuntimeProbeFailing', '64m')
  ]
}

const badProbes: AlertCase = {
  name: 'failing probes tell of a runtime that looks good, until one succeeds',
  interval: '15s',
  series: {
    [`chat_runtime_fallback_enabled{${API}}`]: gauge([0, 20], [1, 200], [0, 60]),
    [`chat_runtime_instance_up{${API},target="rt:8000"}`]: gauge([1, 280]),
    // Every five minutes one, as in a long fallback; the last ones of the fallback are good.
    [`chat_runtime_probe_total{${API},result="error"}`]: counter(
      [0, 21],
      ...Array.from({ length: 10 }, (): [number, number][] => [
        [1, 1],
        [0, 18]
      ]).flat(),
      [0, 69]
    ),
    [`chat_runtime_probe_total{${API},result="success"}`]: counter([0, 214], [1, 6], [0, 60])
  },
  looks: [
    below('RuntimeProbeFailing', '5m'),
    fires('RuntimeProbeFailing', '20m', { labels: { job: 'api' }, description: HIDDEN }),
    fires('RuntimeProbeFailing', '50m', { labels: { job: 'api' }, description: HIDDEN }),
    // Probes that failed are still in sight, and the fallback is over.
    over('RuntimeProbeFailing', '62m')
  ]
}

const oneBadProbe: AlertCase = {
  name: 'a probe that fails between good ones, an instance that is out for seconds, and one of two are no trouble',
  interval: '15s',
  series: {
    'chat_runtime_fallback_enabled{job="api",instance="a"}': gauge([1, 60]),
    'chat_runtime_probe_total{job="api",instance="a",result="error"}': counter([1, 60]),
    'chat_runtime_probe_total{job="api",instance="a",result="success"}': counter([1, 60]),
    'chat_runtime_instance_up{job="api",instance="a",target="rt:8000"}': gauge([1, 30], [0, 3], [1, 27]),
    // One of two is enough.
    'chat_runtime_instance_up{job="other",instance="o",target="rt:8000"}': gauge([1, 60]),
    'chat_runtime_instance_up{job="other",instance="o",target="rt2:8000"}': gauge([0, 60])
  },
  looks: [below('RuntimeProbeFailing', '8m30s'), below('RuntimeProbeFailing', '14m')]
}

const RULES = ['recording', 'alerts', 'operations-document']

export const RUNTIME_CASES: CaseFile = {
  name: 'runtime',
  rules: RULES,
  evaluationInterval: '15s',
  cases: [down, absent, gaugeAbsent, fallback, agreed, oneBadProbe]
}

/** What takes longer, judged every minute. */
export const LONG_RUNTIME_CASES: CaseFile = {
  name: 'long-runtime',
  rules: RULES,
  evaluationInterval: '1m',
  cases: [errorRate, chatErrorRate, trickle, idle, flapping, stuck, forced, outage, badProbes]
}
