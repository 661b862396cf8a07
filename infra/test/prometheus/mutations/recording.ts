import { type Mutation, ofFile } from './mutation.ts'

export const RECORDING_MUTATIONS: readonly Mutation[] = ofFile('recording', [
  {
    name: 'the compatibility rule: another name',
    from: '- record: chat_execution_latency_ms\n',
    to: '- record: chat_execution_latency\n',
    noticedBy: ['capacity']
  },
  {
    name: 'buckets: modes are mixed',
    from: 'sum by (job, mode, le)',
    to: 'sum by (job, le)',
    noticedBy: ['capacity']
  },
  {
    name: 'buckets: counts instead of rates',
    from: 'sum by (job, mode, le) (rate(chat_execution_latency_ms_bucket[5m]))',
    to: 'sum by (job, mode, le) (chat_execution_latency_ms_bucket)',
    noticedBy: ['capacity']
  },
  {
    name: 'quantiles: NaN is recorded',
    from: ' >= 0',
    to: '',
    noticedBy: ['long-runtime']
  },
  {
    name: 'shares: NaN is recorded',
    from: '(job_mode:chat_execution:rate5m > 0)',
    to: 'job_mode:chat_execution:rate5m',
    noticedBy: ['long-runtime']
  },
  {
    name: 'CPU: seconds instead of a share of the limit',
    from: ' / on (job, instance) service_cpu_limit_cores',
    to: '',
    noticedBy: ['capacity']
  },
  {
    name: 'memory: processes of others, too',
    from: 'process_resident_memory_bytes{job=~"api|runtime-service"}',
    to: 'process_resident_memory_bytes',
    noticedBy: ['capacity']
  }
])
