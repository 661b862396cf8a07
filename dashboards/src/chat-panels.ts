import { METRICS, OBJECTIVES } from '@semibot/metrics'
import { timeSeries } from './panels.ts'
import { INSTANCES, quantile, rate, share } from './queries.ts'

const ANSWERED = `outcome=~"success|error|rejected",${INSTANCES}`
const FAILED = `outcome=~"error|rejected",${INSTANCES}`

/** Rate, errors and duration of what people asked for, and of the attempts behind it. */
export const CHAT_PANELS = [
  timeSeries({
    title: 'Requests by outcome',
    description: 'What people got, whatever the number of attempts behind it.',
    unit: 'reqps',
    queries: [[rate(METRICS.requests, 'outcome'), '{{outcome}}']]
  }),
  timeSeries({
    title: 'Failed share of requests',
    description: 'Failed and refused requests; those that were cancelled do not count.',
    unit: 'percentunit',
    queries: [
      [share(rate(METRICS.requests, 'job', FAILED), rate(METRICS.requests, 'job', ANSWERED)), 'failed or refused']
    ],
    thresholds: [
      [null, 'green'],
      [1 - OBJECTIVES.availability, 'red']
    ],
    alerts: ['ChatErrorBudgetBurn', 'ChatErrorBudgetBurnSlow']
  }),
  timeSeries({
    title: 'Attempts by mode',
    description: 'Finished attempts: a chat that falls back is one of each mode.',
    unit: 'ops',
    queries: [
      [rate(METRICS.executionTotal, 'mode'), '{{mode}}'],
      [rate(METRICS.executionCancelled, 'mode'), '{{mode}} cancelled']
    ]
  }),
  timeSeries({
    title: 'Failed attempts by code',
    unit: 'ops',
    queries: [[rate(METRICS.executionErrorReasons, 'code'), '{{code}}']],
    alerts: ['HighErrorRate', 'ChatErrorRateHigh']
  }),
  timeSeries({
    title: 'Duration of attempts',
    unit: 'ms',
    queries: [
      [quantile(0.5, METRICS.executionLatency, 'mode'), 'P50 {{mode}}'],
      [quantile(0.95, METRICS.executionLatency, 'mode'), 'P95 {{mode}}'],
      [quantile(0.99, METRICS.executionLatency, 'mode'), 'P99 {{mode}}']
    ],
    thresholds: [
      [null, 'green'],
      [OBJECTIVES.latencyMs, 'red']
    ],
    alerts: ['HighLatency', 'ChatLatencyBudgetBurn']
  }),
  timeSeries({
    title: 'Time to the first text',
    description: 'From the start of an attempt to its first visible text: what people feel as waiting.',
    unit: 's',
    queries: [
      [quantile(0.5, METRICS.firstToken, 'mode'), 'P50 {{mode}}'],
      [quantile(0.95, METRICS.firstToken, 'mode'), 'P95 {{mode}}']
    ]
  }),
  timeSeries({
    title: 'Attempts under way',
    unit: 'short',
    queries: [
      [`sum by (mode) (${METRICS.executionInFlight.name}{${INSTANCES}})`, '{{mode}}'],
      [`sum by (mode) (${METRICS.executionInFlightLimit.name}{${INSTANCES}})`, '{{mode}} at most']
    ]
  }),
  timeSeries({
    title: 'Work refused for capacity',
    unit: 'ops',
    queries: [[rate(METRICS.shed, 'reason'), '{{reason}}']]
  }),
  timeSeries({
    title: 'Tokens',
    unit: 'short',
    queries: [
      [rate(METRICS.tokens, 'mode, type'), '{{mode}} {{type}} per second'],
      [quantile(0.5, METRICS.outputRate, 'mode'), '{{mode}} output per second of one answer, P50']
    ]
  })
]
