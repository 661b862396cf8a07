import { BURN_RATES, OBJECTIVES } from '@semibot/metrics'
import { alerting, type RecordingRule, type RuleFile } from './rule-types.ts'

type Window = (typeof BURN_RATES)['fast' | 'slow'][number]

const ERRORS = 'job:chat_request_errors:ratio_rate'
const SLOW = 'job_mode:chat_execution_slow:ratio_rate'

/** Every window once, short ones first. */
const REQUEST_WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d']
const LATENCY_WINDOWS = ['5m', '30m', '1h', '6h']

/** Requests of people, not attempts: a failure that the fallback made good is none. Cancelled ones are left out. */
function requestErrors(window: string): RecordingRule {
  const rate = (outcomes: string): string =>
    `sum by (job) (rate(chat_request_total{outcome=~"${outcomes}"}[${window}]))`
  return {
    record: `${ERRORS}${window}`,
    expr: `${rate('error|rejected')} / (${rate('success|error|rejected')} > 0)`
  }
}

/** Prometheus 3 writes the edge 5000 as 5000.0. */
function slowExecutions(window: string): RecordingRule {
  const edge = `le=~"${OBJECTIVES.latencyMs}(\\\\.0)?"`
  const rate = (series: string): string => `sum by (job, mode) (rate(${series}[${window}]))`
  return {
    record: `${SLOW}${window}`,
    expr: `1 - ${rate(`chat_execution_latency_ms_bucket{${edge}}`)} / (${rate('chat_execution_latency_ms_count')} > 0)`
  }
}

/** Above in the long window and in the short one: the long one for certainty, the short one to end soon after. */
function burns(series: string, budget: string, windows: readonly Window[]): string {
  return windows
    .map(({ factor, long, short }) => {
      const level = `(${factor} * ${budget})`
      return `(${series}${long} > ${level} and ${series}${short} > ${level})`
    })
    .join('\nor\n')
}

const budgetOf = (objective: number): string => String(Number((1 - objective).toFixed(6)))
const AVAILABILITY_BUDGET = budgetOf(OBJECTIVES.availability)
const LATENCY_BUDGET = budgetOf(OBJECTIVES.latencyShare)

/** How much of the promised share is used up, and alerts when it goes too fast. */
export const SERVICE_OBJECTIVES: RuleFile = {
  name: 'slo',
  about: [
    `Objectives over 30 days: ${OBJECTIVES.availability * 100} % of the chat requests are answered, ${OBJECTIVES.latencyShare * 100} % of the executions of a mode end`,
    `within ${OBJECTIVES.latencyMs} ms. Burn rates and windows: Google SRE workbook, chapter 5.`
  ],
  groups: [
    {
      name: 'semibot-slo.recording',
      interval: '30s',
      rules: [...REQUEST_WINDOWS.map(requestErrors), ...LATENCY_WINDOWS.map(slowExecutions)]
    },
    {
      name: 'semibot-slo.alerts',
      rules: [
        alerting(
          'ChatErrorBudgetBurn',
          'critical',
          {
            expr: burns(ERRORS, AVAILABILITY_BUDGET, BURN_RATES.fast),
            for: '2m',
            keepFiringFor: '5m',
            labels: { slo: 'chat-availability' }
          },
          {
            summary: 'Chat 可用性错误预算快速消耗',
            description: '{{ $labels.job }} 错误率 {{ $value | humanizePercentage }}，30 天预算将在约 2 到 5 天内耗尽',
            english: 'Chat requests fail so often that the error budget of 30 days is gone within days.'
          }
        ),
        alerting(
          'ChatErrorBudgetBurnSlow',
          'warning',
          {
            expr: burns(ERRORS, AVAILABILITY_BUDGET, BURN_RATES.slow),
            for: '1h',
            labels: { slo: 'chat-availability' }
          },
          {
            summary: 'Chat 可用性错误预算缓慢消耗',
            description: '{{ $labels.job }} 错误率 {{ $value | humanizePercentage }}',
            english: 'Chat requests fail at a rate at which the error budget of 30 days will not last.'
          }
        ),
        alerting(
          'ChatLatencyBudgetBurn',
          'warning',
          {
            expr: burns(SLOW, LATENCY_BUDGET, BURN_RATES.fast),
            for: '2m',
            keepFiringFor: '5m',
            labels: { slo: 'chat-latency' }
          },
          {
            summary: 'Chat 延迟错误预算快速消耗',
            description: `{{ $labels.mode }} 有 {{ $value | humanizePercentage }} 的执行超过 ${OBJECTIVES.latencyMs / 1000} 秒`,
            english: `Many more executions than planned take longer than ${OBJECTIVES.latencyMs / 1000} s.`
          }
        )
      ]
    }
  ]
}
