import { BURN_RATES, METRICS, OBJECTIVES } from '@semibot/metrics'
import { stat, timeSeries } from './panels.ts'

const BUDGET = Number((1 - OBJECTIVES.availability).toFixed(6))
const LATENCY_BUDGET = Number((1 - OBJECTIVES.latencyShare).toFixed(6))
const WINDOWS = [...BURN_RATES.fast, ...BURN_RATES.slow].map(({ long }) => long)

const requests = (outcomes: string): string => `sum(increase(${METRICS.requests.name}{outcome=~"${outcomes}"}[30d]))`

/** What is promised, what is left of it, and what is firing. */
export const OBJECTIVE_PANELS = [
  stat({
    title: 'Error budget that is left of 30 days',
    description: `Of ${OBJECTIVES.availability * 100} % answered requests; negative when it is overdrawn.`,
    unit: 'percentunit',
    queries: [[`1 - ${requests('error|rejected')} / (${requests('success|error|rejected')} > 0) / ${BUDGET}`, 'left']],
    thresholds: [
      [null, 'red'],
      [0, 'yellow'],
      [0.25, 'green']
    ],
    alerts: ['ChatErrorBudgetBurn', 'ChatErrorBudgetBurnSlow']
  }),
  timeSeries({
    title: 'Burn rate of the error budget',
    description: '1 uses it up in exactly 30 days; 14.4 within two days.',
    unit: 'none',
    queries: WINDOWS.map((window) => [`job:chat_request_errors:ratio_rate${window} / ${BUDGET}`, window] as const),
    thresholds: [
      [null, 'green'],
      [1, 'yellow'],
      [BURN_RATES.fast[0].factor, 'red']
    ],
    alerts: ['ChatErrorBudgetBurn', 'ChatErrorBudgetBurnSlow']
  }),
  timeSeries({
    title: 'Burn rate of the budget of slow executions',
    description: `${OBJECTIVES.latencyShare * 100} % of the executions of a mode are to end within ${OBJECTIVES.latencyMs} ms.`,
    unit: 'none',
    queries: BURN_RATES.fast.map(
      ({ long }) => [`job_mode:chat_execution_slow:ratio_rate${long} / ${LATENCY_BUDGET}`, `{{mode}} ${long}`] as const
    ),
    thresholds: [
      [null, 'green'],
      [1, 'yellow'],
      [BURN_RATES.fast[0].factor, 'red']
    ],
    alerts: ['ChatLatencyBudgetBurn']
  }),
  timeSeries({
    title: 'Alerts that fire',
    unit: 'short',
    span: 24,
    queries: [['sum by (alertname, severity) (ALERTS{alertstate="firing"})', '{{severity}} {{alertname}}']]
  })
]
