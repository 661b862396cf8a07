import { ALERT_LEVELS } from '@semibot/metrics'
import { alerting, type RuleGroup } from './rule-types.ts'

const { chatErrorPercent, fallbackChanges } = ALERT_LEVELS

/**
 * Probes fail, or no instance has been in use for a minute, by health checks or failed calls. Probes are seldom in a long
 * fallback (at most five minutes apart), hence the long window.
 */
const PROBES_FAIL = `(
  (
    sum by (job) (increase(chat_runtime_probe_total{result="error"}[15m])) > 0
    unless
    sum by (job) (increase(chat_runtime_probe_total{result="success"}[2m])) > 0
  )
  and
  max by (job) (chat_runtime_fallback_enabled) == 1
)
or
max by (job) (max_over_time(chat_runtime_instance_up[1m])) == 0`

/** Chats as a whole, and whether what is said about them can be believed. */
export const CHAT_ALERTS: RuleGroup = {
  name: 'semibot-chat.alerts',
  rules: [
    alerting(
      'ChatErrorRateHigh',
      'warning',
      {
        // The panel's own expression and condition.
        expr: `sum(rate(chat_execution_error_total[5m])) by (mode) /
sum(rate(chat_execution_total[5m])) by (mode) * 100 > ${chatErrorPercent}`,
        for: '1m'
      },
      {
        summary: `Chat 错误率超过 ${chatErrorPercent}%`,
        description: '{{ $labels.mode }} 模式错误率 {{ $value | printf "%.1f" }}%',
        english: `More than ${chatErrorPercent} % of the executions of one mode fail.`
      }
    ),
    alerting(
      'ApiServiceDown',
      'critical',
      { expr: 'up{job="api"} == 0', for: '1m' },
      {
        summary: 'API 服务不可用',
        description: '{{ $labels.instance }} 已停止响应超过 1 分钟',
        english: 'An api process has not answered its scrapes for a minute.'
      }
    ),
    alerting(
      'ChatMetricsAbsent',
      'warning',
      {
        expr: 'absent(chat_execution_total{mode="runtime_orchestrator"}) or absent(chat_runtime_fallback_enabled)',
        for: '5m'
      },
      {
        summary: 'Chat 指标缺失',
        description: '告警表达式没有数据，其它告警不可信',
        english: 'No api shows the figures that the alerts need: what is not firing means nothing.'
      }
    )
  ]
}

/** The runtime, and the fallback that keeps chats from it. */
export const RUNTIME_ALERTS: RuleGroup = {
  name: 'semibot-runtime.alerts',
  rules: [
    alerting(
      'RuntimeServiceAbsent',
      'critical',
      { expr: 'absent(up{job="runtime-service"})', for: '5m' },
      {
        summary: 'Runtime 服务没有抓取目标',
        description: '服务发现中没有 runtime-service',
        english: 'Prometheus knows no runtime at all, so that RuntimeServiceDown cannot fire.'
      }
    ),
    alerting(
      'RuntimeProbeFailing',
      'warning',
      { expr: PROBES_FAIL, for: '2m' },
      {
        summary: 'Runtime 探测未通过',
        description: '{{ $labels.job }} 探测不到可用的 Runtime；回退期间没有 Runtime 流量，错误率告警看不到它',
        english: 'The api cannot reach a working runtime, whether or not the fallback hides it from people.'
      }
    ),
    alerting(
      'RuntimeFallbackFlapping',
      'warning',
      {
        expr: `max by (job) (changes(chat_runtime_fallback_enabled[30m])) >= ${fallbackChanges}`,
        for: '1m',
        keepFiringFor: '10m'
      },
      {
        summary: '自动回退频繁触发',
        description: '30 分钟内状态变化 {{ $value }} 次',
        english: 'The fallback comes and goes.'
      }
    ),
    alerting(
      'RuntimeFallbackStuck',
      'warning',
      {
        // An operator's order is no stuck fallback.
        expr: `job:chat_runtime_fallback_enabled:max == 1
and on () (min(up{job="runtime-service"}) == 1)
unless on (job) (max by (job) (chat_runtime_fallback_forced) == 1)`,
        for: '30m'
      },
      {
        summary: 'Runtime 已恢复但回退未解除',
        description: '可检查后调用 POST /api/v1/runtime/fallback/reset',
        english: 'Every runtime answers its scrapes, and chats have been kept from them for half an hour.'
      }
    ),
    alerting(
      'RuntimeFallbackSplitBrain',
      'warning',
      { expr: '0 < job:chat_runtime_fallback_enabled:avg < 1', for: '5m' },
      {
        summary: '各 API 副本回退状态不一致',
        description: '{{ $value | humanizePercentage }} 的副本处于回退',
        english: 'Some api processes have fallen back and others have not.'
      }
    )
  ]
}
