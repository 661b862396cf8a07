import type { RecordingRule, RuleFile } from './rule-types.ts'

/** An interval that is no longer than the scrapes', so that the compatibility rule is as fresh as they are. */
const INTERVAL = '15s'

const BUCKETS = 'job_mode_le:chat_execution_latency_ms_bucket:rate5m'

/** Guards against no traffic: x/0 is NaN, and one NaN spoils every average that it enters. */
const positive = (series: string): string => `(${series} > 0)`

function quantile(percent: number): RecordingRule {
  return {
    record: `job_mode:chat_execution_latency_ms:p${percent}_5m`,
    // ">= 0" drops the NaN of a mode without traffic.
    expr: `histogram_quantile(${(percent / 100).toFixed(2)}, ${BUCKETS}) >= 0`
  }
}

/** Rates, shares and quantiles of executions by mode, the fleet's view of the fallback, and use of CPU and memory. */
export const CHAT_RECORDING: RuleFile = {
  name: 'recording',
  about: ['Figures that panels and alerts share.'],
  groups: [
    {
      name: 'semibot-chat.recording',
      interval: INTERVAL,
      rules: [
        { record: 'job_mode:chat_execution:rate5m', expr: 'sum by (job, mode) (rate(chat_execution_total[5m]))' },
        {
          record: 'job_mode:chat_execution_error:rate5m',
          expr: 'sum by (job, mode) (rate(chat_execution_error_total[5m]))'
        },
        {
          record: 'job_mode:chat_execution_success:rate5m',
          expr: 'sum by (job, mode) (rate(chat_execution_success_total[5m]))'
        },
        {
          record: 'job_mode:chat_execution_error:ratio_rate5m',
          expr: `job_mode:chat_execution_error:rate5m / ${positive('job_mode:chat_execution:rate5m')}`
        },
        {
          record: 'job_mode:chat_execution_success:ratio_rate5m',
          expr: `job_mode:chat_execution_success:rate5m / ${positive('job_mode:chat_execution:rate5m')}`
        },
        { record: BUCKETS, expr: 'sum by (job, mode, le) (rate(chat_execution_latency_ms_bucket[5m]))' },
        // Gives the operations document's histogram_quantile over the bare name its data: with a classic histogram
        // no series has that name, so it is free for this rule.
        { record: 'chat_execution_latency_ms', expr: BUCKETS },
        quantile(50),
        quantile(95),
        quantile(99),
        { record: 'job:chat_runtime_fallback_enabled:max', expr: 'max by (job) (chat_runtime_fallback_enabled)' },
        { record: 'job:chat_runtime_fallback_enabled:avg', expr: 'avg by (job) (chat_runtime_fallback_enabled)' }
      ]
    },
    {
      name: 'semibot-capacity.recording',
      interval: INTERVAL,
      rules: [
        {
          record: 'instance:process_cpu:ratio_rate5m',
          expr: 'rate(process_cpu_seconds_total{job=~"api|runtime-service"}[5m]) / on (job, instance) service_cpu_limit_cores'
        },
        {
          record: 'instance:process_memory:ratio',
          expr: 'process_resident_memory_bytes{job=~"api|runtime-service"} / on (job, instance) service_memory_limit_bytes'
        }
      ]
    }
  ]
}
