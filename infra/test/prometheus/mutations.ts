/** One breakage of a rule file, and the cases that must notice it. */
export interface Mutation {
  name: string
  /** Rule file, without `.yml`. */
  file: string
  from: string
  to: string
  /** Names of case files. */
  noticedBy: readonly string[]
}

const DOCUMENT = 'operations-document'

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'HighErrorRate: twice the level',
    file: DOCUMENT,
    from: '> 0.1',
    to: '> 0.2',
    noticedBy: ['long-runtime']
  },
  {
    name: 'HighErrorRate: a lower level',
    file: DOCUMENT,
    from: '> 0.1',
    to: '> 0.09',
    noticedBy: ['long-runtime']
  },
  {
    name: 'HighErrorRate: both modes in the denominator',
    file: DOCUMENT,
    from: 'sum(rate(chat_execution_total{mode="runtime_orchestrator"}[5m])) > 0.1',
    to: 'sum(rate(chat_execution_total[5m])) > 0.1',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeServiceDown: another job',
    file: DOCUMENT,
    from: 'up{job="runtime-service"}',
    to: 'up{job="runtime"}',
    noticedBy: ['runtime']
  },
  {
    name: 'every wait of a minute: none',
    file: DOCUMENT,
    from: 'for: 1m',
    to: 'for: 0s',
    noticedBy: ['runtime']
  },
  {
    name: 'AutoFallbackTriggered: the other way round',
    file: DOCUMENT,
    from: 'chat_runtime_fallback_enabled == 1',
    to: 'chat_runtime_fallback_enabled == 0',
    noticedBy: ['runtime']
  },
  {
    name: 'HighLatency: another quantile',
    file: DOCUMENT,
    from: 'histogram_quantile(0.95,',
    to: 'histogram_quantile(0.99,',
    noticedBy: ['capacity']
  },
  {
    name: 'HighLatency: a higher level',
    file: DOCUMENT,
    from: '> 5000',
    to: '> 7500',
    noticedBy: ['capacity']
  },
  {
    name: 'the compatibility rule: another name',
    file: 'recording',
    from: '- record: chat_execution_latency_ms\n',
    to: '- record: chat_execution_latency\n',
    noticedBy: ['capacity']
  },
  {
    name: 'buckets: modes are mixed',
    file: 'recording',
    from: 'sum by (job, mode, le)',
    to: 'sum by (job, le)',
    noticedBy: ['capacity']
  },
  {
    name: 'buckets: counts instead of rates',
    file: 'recording',
    from: 'sum by (job, mode, le) (rate(chat_execution_latency_ms_bucket[5m]))',
    to: 'sum by (job, mode, le) (chat_execution_latency_ms_bucket)',
    noticedBy: ['capacity']
  },
  {
    name: 'quantiles: NaN is recorded',
    file: 'recording',
    from: ' >= 0',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'shares: NaN is recorded',
    file: 'recording',
    from: '(job_mode:chat_execution:rate5m > 0)',
    to: 'job_mode:chat_execution:rate5m',
    noticedBy: ['long-runtime']
  },
  {
    name: 'CPU: seconds instead of a share of the limit',
    file: 'recording',
    from: ' / on (job, instance) service_cpu_limit_cores',
    to: '',
    noticedBy: ['capacity']
  },
  {
    name: 'memory: processes of others, too',
    file: 'recording',
    from: 'process_resident_memory_bytes{job=~"api|runtime-service"}',
    to: 'process_resident_memory_bytes',
    noticedBy: ['capacity']
  },
  {
    name: 'ChatErrorRateHigh: modes are mixed',
    file: 'alerts',
    from: ') by (mode)',
    to: ')',
    noticedBy: ['long-runtime']
  },
  {
    name: 'ScaleOutErrorRateHigh: a trickle is enough',
    file: 'alerts',
    from: ' and job_mode:chat_execution:rate5m > 0.1',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'ChatMetricsAbsent: only the counter',
    file: 'alerts',
    from: ' or absent(chat_runtime_fallback_enabled)',
    to: '',
    noticedBy: ['runtime']
  },
  {
    name: 'RuntimeProbeFailing: one success is not enough',
    file: 'alerts',
    from: '{result="success"}[2m])) > 0',
    to: '{result="success"}[2m])) > 100',
    noticedBy: ['runtime']
  },
  {
    name: 'RuntimeProbeFailing: a short memory',
    file: 'alerts',
    from: '{result="error"}[15m]',
    to: '{result="error"}[2m]',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeProbeFailing: whether or not the fallback is on',
    file: 'alerts',
    from: 'max by (job) (chat_runtime_fallback_enabled) == 1',
    to: 'max by (job) (chat_runtime_fallback_enabled) >= 0',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeProbeFailing: instances do not count',
    file: 'alerts',
    from: 'max by (job) (max_over_time(chat_runtime_instance_up[1m])) == 0',
    to: 'max by (job) (max_over_time(chat_runtime_instance_up[1m])) < 0',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeProbeFailing: one instance is enough',
    file: 'alerts',
    from: 'max by (job) (max_over_time(chat_runtime_instance_up',
    to: 'min by (job) (max_over_time(chat_runtime_instance_up',
    noticedBy: ['runtime']
  },
  {
    name: 'RuntimeFallbackFlapping: five changes',
    file: 'alerts',
    from: '>= 6',
    to: '>= 5',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackFlapping: a shorter look back',
    file: 'alerts',
    from: 'changes(chat_runtime_fallback_enabled[30m])',
    to: 'changes(chat_runtime_fallback_enabled[15m])',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackStuck: while the runtime is away',
    file: 'alerts',
    from: '          and on () (min(up{job="runtime-service"}) == 1)\n',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackStuck: by order of an operator',
    file: 'alerts',
    from: '\n          unless on (job) (max by (job) (chat_runtime_fallback_forced) == 1)',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackSplitBrain: all of them',
    file: 'alerts',
    from: '0 < job:chat_runtime_fallback_enabled:avg < 1',
    to: '0 < job:chat_runtime_fallback_enabled:avg <= 1',
    noticedBy: ['runtime']
  },
  {
    name: 'EventLoopSaturated: a lower level',
    file: 'alerts',
    from: '> 0.8\n        for: 5m\n        labels:\n          severity: warning',
    to: '> 0.75\n        for: 5m\n        labels:\n          severity: warning',
    noticedBy: ['capacity']
  },
  {
    name: 'budget of availability: 99 percent',
    file: 'slo',
    from: '* 0.001)',
    to: '* 0.01)',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: no short window',
    file: 'slo',
    from: 'ratio_rate5m > (14.4 * 0.001)',
    to: 'ratio_rate5m >= 0',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: no long window',
    file: 'slo',
    from: 'ratio_rate1h > (14.4 * 0.001)',
    to: 'ratio_rate1h >= 0',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: refusals are no errors',
    file: 'slo',
    from: 'outcome=~"error|rejected"',
    to: 'outcome=~"error"',
    noticedBy: ['objectives']
  },
  {
    name: 'burn: cancelled requests count',
    file: 'slo',
    from: 'outcome=~"success|error|rejected"',
    to: 'outcome=~"success|error|rejected|cancelled"',
    noticedBy: ['objectives']
  },
  {
    name: 'slow executions: another edge',
    file: 'slo',
    from: 'le=~"5000(',
    to: 'le=~"3000(',
    noticedBy: ['objectives']
  },
  {
    name: 'slow burn: no short windows',
    file: 'slo',
    from: 'job:chat_request_errors:ratio_rate6h > (1 * 0.001)',
    to: 'job:chat_request_errors:ratio_rate6h >= 0',
    noticedBy: ['slow-objectives']
  },
  {
    name: 'HighErrorRate: at ten percent, too',
    file: DOCUMENT,
    from: '> 0.1',
    to: '>= 0.1',
    noticedBy: ['long-runtime']
  },
  {
    name: 'slow burn: no look at a single day',
    file: 'slo',
    from: '(job:chat_request_errors:ratio_rate1d > (3 * 0.001) and job:chat_request_errors:ratio_rate2h > (3 * 0.001))\n          or\n          ',
    to: '',
    noticedBy: ['slow-objectives']
  }
]

/** Breakages that change nothing that could be seen, and why. */
export const EQUIVALENTS: readonly (Mutation & { because: string })[] = [
  {
    name: 'RuntimeFallbackFlapping: more than five',
    file: 'alerts',
    from: '>= 6',
    to: '> 5',
    noticedBy: ['long-runtime'],
    because: 'changes are whole numbers'
  },
  {
    name: 'RuntimeFallbackStuck: no runtime is at 0',
    file: 'alerts',
    from: '(min(up{job="runtime-service"}) == 1)',
    to: '(min(up{job="runtime-service"}) > 0)',
    noticedBy: ['long-runtime'],
    because: 'up is 0 or 1'
  }
]
