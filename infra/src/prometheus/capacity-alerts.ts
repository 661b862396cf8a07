import { ALERT_LEVELS, SCALE_OUT_LEVELS } from '@semibot/metrics'
import { type AlertText, alerting, type RuleGroup } from './rule-types.ts'

const { cpuShare, memoryShare, p95Ms, errorRate, minimumRate } = SCALE_OUT_LEVELS
const percent = (share: number): string => String(Math.round(share * 100))
const P95_SECONDS = p95Ms / 1000

function scaleOut(name: string, expr: string, text: AlertText) {
  return alerting(name, 'info', { expr, for: '5m', labels: { scale_out: 'true' } }, text)
}

/** The four conditions of the capacity section, and the one that a program on a single thread needs beside CPU. */
export const CAPACITY_ALERTS: RuleGroup = {
  name: 'semibot-capacity.alerts',
  rules: [
    scaleOut('ScaleOutCpuHigh', `instance:process_cpu:ratio_rate5m > ${cpuShare}`, {
      summary: `CPU 使用率 > ${percent(cpuShare)}%`,
      description: '{{ $labels.instance }} CPU {{ $value | humanizePercentage }}',
      english: `A process uses more than ${percent(cpuShare)} % of the CPU that it may use.`
    }),
    scaleOut('ScaleOutMemoryHigh', `instance:process_memory:ratio > ${memoryShare}`, {
      summary: `内存使用率 > ${percent(memoryShare)}%`,
      description: '{{ $labels.instance }} 内存 {{ $value | humanizePercentage }}',
      english: `A process uses more than ${percent(memoryShare)} % of the memory that it may use.`
    }),
    scaleOut('ScaleOutLatencyHigh', `job_mode:chat_execution_latency_ms:p95_5m > ${p95Ms}`, {
      summary: `P95 延迟 > ${P95_SECONDS} 秒`,
      description: '{{ $labels.mode }} P95 {{ $value | humanize }} ms',
      english: `One in twenty executions of a mode takes longer than ${P95_SECONDS} s.`
    }),
    scaleOut(
      'ScaleOutErrorRateHigh',
      `job_mode:chat_execution_error:ratio_rate5m > ${errorRate} and job_mode:chat_execution:rate5m > ${minimumRate}`,
      {
        summary: `错误率 > ${percent(errorRate)}%`,
        description: '{{ $labels.mode }} 错误率 {{ $value | humanizePercentage }}',
        english: `More than ${percent(errorRate)} % of the executions of a mode fail under more than a trickle of traffic.`
      }
    ),
    alerting(
      'EventLoopSaturated',
      'warning',
      {
        expr: `service_event_loop_utilization_ratio{job=~"api|runtime-service"} > ${ALERT_LEVELS.eventLoopUtilization}`,
        for: '5m',
        labels: { scale_out: 'true' }
      },
      {
        summary: '事件循环饱和',
        description: '{{ $labels.job }} {{ $labels.instance }} 事件循环占用 {{ $value | humanizePercentage }}',
        english: 'One process has no time left; more cores do not help it, more processes do.'
      }
    )
  ]
}
