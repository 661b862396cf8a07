import { type Mutation, ofFile } from './mutation.ts'

export const ALERT_MUTATIONS: readonly Mutation[] = ofFile('alerts', [
  {
    name: 'ChatErrorRateHigh: modes are mixed',
    from: ') by (mode)',
    to: ')',
    noticedBy: ['long-runtime']
  },
  {
    name: 'ScaleOutErrorRateHigh: a trickle is enough',
    from: ' and job_mode:chat_execution:rate5m > 0.1',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'ChatMetricsAbsent: only the counter',
    from: ' or absent(chat_runtime_fallback_enabled)',
    to: '',
    noticedBy: ['runtime']
  },
  {
    name: 'RuntimeProbeFailing: one success is not enough',
    from: '{result="success"}[2m])) > 0',
    to: '{result="success"}[2m])) > 100',
    noticedBy: ['runtime']
  },
  {
    name: 'RuntimeProbeFailing: a short memory',
    from: '{result="error"}[15m]',
    to: '{result="error"}[2m]',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeProbeFailing: whether or not the fallback is on',
    from: 'max by (job) (chat_runtime_fallback_enabled) == 1',
    to: 'max by (job) (chat_runtime_fallback_enabled) >= 0',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeProbeFailing: instances do not count',
    from: 'max by (job) (max_over_time(chat_runtime_instance_up[1m])) == 0',
    to: 'max by (job) (max_over_time(chat_runtime_instance_up[1m])) < 0',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeProbeFailing: one instance is enough',
    from: 'max by (job) (max_over_time(chat_runtime_instance_up',
    to: 'min by (job) (max_over_time(chat_runtime_instance_up',
    noticedBy: ['runtime']
  },
  {
    name: 'RuntimeFallbackFlapping: five changes',
    from: '>= 6',
    to: '>= 5',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackFlapping: a shorter look back',
    from: 'changes(chat_runtime_fallback_enabled[30m])',
    to: 'changes(chat_runtime_fallback_enabled[15m])',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackStuck: while the runtime is away',
    from: '          and on () (min(up{job="runtime-service"}) == 1)\n',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackStuck: by order of an operator',
    from: '\n          unless on (job) (max by (job) (chat_runtime_fallback_forced) == 1)',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'RuntimeFallbackSplitBrain: all of them',
    from: '0 < job:chat_runtime_fallback_enabled:avg < 1',
    to: '0 < job:chat_runtime_fallback_enabled:avg <= 1',
    noticedBy: ['runtime']
  },
  {
    name: 'EventLoopSaturated: a lower level',
    from: '> 0.8\n        for: 5m\n        labels:\n          severity: warning',
    to: '> 0.75\n        for: 5m\n        labels:\n          severity: warning',
    noticedBy: ['capacity']
  }
])
