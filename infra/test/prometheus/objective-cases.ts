import { type AlertCase, below, type CaseFile, counter, fires, gauge, over, value } from './promtool-file.ts'

type Phase = [errors: number, steps: number]

/** Requests with so many errors in each `total`; as many cancelled ones, which must not count. */
function requests(total: number, ...phases: Phase[]): Record<string, string> {
  const labels = 'job="api",instance="a"'
  const steps = phases.reduce((sum, [, count]) => sum + count, 0)
  // Errors and refusals are the same to whoever asked.
  const half = phases.map(([errors, count]): Phase => [errors / 2, count])
  return {
    [`chat_request_total{${labels},outcome="success"}`]: counter(
      ...phases.map(([errors, count]): Phase => [total - errors, count])
    ),
    [`chat_request_total{${labels},outcome="error"}`]: counter(...half),
    [`chat_request_total{${labels},outcome="rejected"}`]: counter(...half),
    [`chat_request_total{${labels},outcome="cancelled"}`]: counter([total, steps])
  }
}

/** Executions with so many of a hundred above five seconds. */
function executions(...phases: [slow: number, steps: number][]): Record<string, string> {
  const labels = 'job="api",instance="a",mode="runtime_orchestrator"'
  const steps = phases.reduce((sum, [, count]) => sum + count, 0)
  return {
    // Prometheus 3 writes the edge as 5000.0.
    [`chat_execution_latency_ms_bucket{${labels},le="5000.0"}`]: counter(
      ...phases.map(([slow, count]): Phase => [100 - slow, count])
    ),
    [`chat_execution_latency_ms_bucket{${labels},le="3000.0"}`]: counter([0, steps]),
    [`chat_execution_latency_ms_bucket{${labels},le="+Inf"}`]: counter([100, steps]),
    [`chat_execution_latency_ms_count{${labels}}`]: counter([100, steps])
  }
}

const fastBurn: AlertCase = {
  name: 'an outage that takes the budget within days pages, and ends soon after it',
  interval: '1m',
  // Per thousand: six hours of none, an hour just below 14.4, then 30.
  series: requests(1000, [0, 400], [14, 60], [30, 20], [0, 60]),
  looks: [
    below('ChatErrorBudgetBurn', '459m'),
    fires('ChatErrorBudgetBurn', '480m', {
      labels: { job: 'api' },
      description: 'api 错误率 1.933%，30 天预算将在约 2 到 5 天内耗尽'
    }),
    // The last hour is still above the level, and the last five minutes are not.
    over('ChatErrorBudgetBurn', '495m'),
    value('job:chat_request_errors:ratio_rate1h > bool 0.0144', '495m', { '{job="api"}': 1 })
  ]
}

const blip: AlertCase = {
  name: 'three minutes of failures among hours of answers do not page',
  interval: '1m',
  series: requests(1000, [0, 400], [200, 3], [0, 60]),
  looks: [below('ChatErrorBudgetBurn', '404m'), below('ChatErrorBudgetBurn', '420m')]
}

const steadyBurn: AlertCase = {
  name: 'a share that is too small for the hour is seen over six hours',
  interval: '1m',
  // Per ten thousand: 59 is below six times the budget, 75 is above it.
  series: requests(10_000, [59, 60], [75, 120], [0, 60]),
  looks: [
    below('ChatErrorBudgetBurn', '60m'),
    fires('ChatErrorBudgetBurn', '120m', {
      labels: { job: 'api' },
      description: 'api 错误率 0.67%，30 天预算将在约 2 到 5 天内耗尽'
    }),
    over('ChatErrorBudgetBurn', '200m'),
    value('job:chat_request_errors:ratio_rate6h > bool 0.006', '200m', { '{job="api"}': 1 })
  ]
}

const slowExecutions: AlertCase = {
  name: 'executions above five seconds use up the budget of latency',
  interval: '1m',
  series: executions([0, 400], [70, 60], [80, 25], [0, 60]),
  looks: [
    below('ChatLatencyBudgetBurn', '459m'),
    fires('ChatLatencyBudgetBurn', '485m', {
      labels: { job: 'api', mode: 'runtime_orchestrator' },
      description: 'runtime_orchestrator 有 74.17% 的执行超过 5 秒'
    }),
    over('ChatLatencyBudgetBurn', '500m')
  ]
}

const steadilySlow: AlertCase = {
  name: 'a third of slow executions is too much over six hours',
  interval: '1m',
  series: executions([29, 60], [40, 60], [0, 40]),
  looks: [
    below('ChatLatencyBudgetBurn', '60m'),
    fires('ChatLatencyBudgetBurn', '119m', {
      labels: { job: 'api', mode: 'runtime_orchestrator' },
      description: 'runtime_orchestrator 有 34.45% 的执行超过 5 秒'
    }),
    over('ChatLatencyBudgetBurn', '159m')
  ]
}

const idle: AlertCase = {
  name: 'without traffic no share is recorded, not even NaN',
  interval: '1m',
  series: {
    'chat_request_total{job="api",instance="a",outcome="success"}': gauge([100, 21]),
    'chat_request_total{job="api",instance="a",outcome="error"}': gauge([9, 21]),
    'chat_execution_latency_ms_bucket{job="api",instance="a",mode="direct_llm",le="5000"}': gauge([90, 21]),
    'chat_execution_latency_ms_count{job="api",instance="a",mode="direct_llm"}': gauge([100, 21])
  },
  looks: [
    value('job_mode:chat_execution_slow:ratio_rate5m', '15m', {}),
    value('job:chat_request_errors:ratio_rate5m', '15m', {})
  ]
}

/** Hours and days; judged every ten minutes. */
const days: AlertCase = {
  name: 'a leak of a few in a thousand is told of within hours, and ends when it does',
  interval: '10m',
  // Per hundred thousand: below three times the budget for a day, above it for another, then none.
  series: requests(100_000, [290, 144], [400, 144], [0, 60]),
  looks: [
    fires('ChatErrorBudgetBurnSlow', '2850m', { labels: { job: 'api' }, description: 'api 错误率 0.3977%' }),
    // Two hours after the end; the day is far above the level.
    over('ChatErrorBudgetBurnSlow', '3300m')
  ]
}

const withinBudget: AlertCase = {
  name: 'a leak that the budget allows is never told of',
  interval: '10m',
  // Just the budget over three days: 99 of 100,000.
  series: requests(100_000, [99, 500]),
  looks: [below('ChatErrorBudgetBurnSlow', '4900m')]
}

const oneDay: AlertCase = {
  name: 'a third of a day just below three times the budget, after three good days, is no leak yet',
  interval: '10m',
  series: requests(100_000, [0, 432], [290, 40]),
  looks: [below('ChatErrorBudgetBurnSlow', '4320m'), below('ChatErrorBudgetBurnSlow', '4610m')]
}

export const OBJECTIVE_CASES: CaseFile = {
  name: 'objectives',
  rules: ['slo'],
  evaluationInterval: '1m',
  cases: [idle, fastBurn, blip, steadyBurn, slowExecutions, steadilySlow]
}

export const SLOW_OBJECTIVE_CASES: CaseFile = {
  name: 'slow-objectives',
  rules: ['slo'],
  evaluationInterval: '10m',
  cases: [days, withinBudget, oneDay]
}
