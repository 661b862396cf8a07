import { MappingType, type ValueMap } from '@grafana/grafana-foundation-sdk/dashboard'
import { ALERT_LEVELS, METRICS, PANEL_LEVELS } from '@semibot/metrics'
import { stat, timeSeries } from './panels.ts'

// The four panels of docs/runtime-observability.md: titles, expressions, thresholds, mappings and order as they stand
// there; a test compares them.

const { successPercent, latencyMs } = PANEL_LEVELS

/** The document draws one line for each quantile; there is one for each mode, and this keeps the chosen one. */
const OF_MODE = `and on (mode) ${METRICS.executionTotal.name}{mode="$mode"}`

const success = timeSeries({
  title: 'Chat 执行成功率',
  unit: 'percent',
  span: 12,
  max: 100,
  queries: [
    [
      `sum(rate(chat_execution_success_total[5m])) by (mode) /
sum(rate(chat_execution_total[5m])) by (mode) * 100
`,
      '{{mode}}'
    ]
  ],
  thresholds: [
    [null, 'red'],
    [successPercent.yellow, 'yellow'],
    [successPercent.green, 'green']
  ],
  alerts: ['ChatErrorRateHigh', 'HighErrorRate']
})

const latency = timeSeries({
  title: 'Chat 执行延迟 (P50/P95/P99)',
  description: 'Of the mode that is chosen above. Needs the recording rule of the same name.',
  unit: 'ms',
  span: 12,
  queries: [
    [`histogram_quantile(0.50, chat_execution_latency_ms)\n${OF_MODE}`, 'P50'],
    [`histogram_quantile(0.95, chat_execution_latency_ms)\n${OF_MODE}`, 'P95'],
    [`histogram_quantile(0.99, chat_execution_latency_ms)\n${OF_MODE}`, 'P99']
  ],
  // The document's first step is a lower bound of green; below it is green as well.
  thresholds: [
    [null, 'green'],
    [latencyMs.green, 'green'],
    [latencyMs.yellow, 'yellow'],
    [latencyMs.red, 'red']
  ],
  alerts: ['HighLatency', 'ScaleOutLatencyHigh']
})

const FALLBACK_TEXTS: ValueMap = {
  type: MappingType.ValueToText,
  options: {
    0: { text: '正常', color: 'green', index: 0 },
    1: { text: '已回退', color: 'red', index: 1 }
  }
}

const fallback = stat({
  title: '自动回退状态',
  unit: 'none',
  span: 12,
  queries: [['chat_runtime_fallback_enabled', '{{instance}}']],
  alerts: ['AutoFallbackTriggered', 'RuntimeFallbackSplitBrain', 'RuntimeFallbackStuck']
}).mappings([FALLBACK_TEXTS])

const errors = timeSeries({
  title: '错误率趋势',
  unit: 'percent',
  span: 12,
  queries: [
    [
      `sum(rate(chat_execution_error_total[5m])) by (mode) /
sum(rate(chat_execution_total[5m])) by (mode) * 100
`,
      '{{mode}}'
    ]
  ],
  // The document's alert on this panel is the rule ChatErrorRateHigh.
  thresholds: [
    [null, 'green'],
    [ALERT_LEVELS.chatErrorPercent, 'red']
  ],
  alerts: ['ChatErrorRateHigh', 'HighErrorRate']
})

/** In the document's order. */
export const OPERATIONS_DOCUMENT_PANELS = [success, latency, fallback, errors]
