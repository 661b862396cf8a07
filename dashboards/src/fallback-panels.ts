import { METRICS } from '@semibot/metrics'
import { timeSeries } from './panels.ts'
import { gauge, increase, quantile, rate } from './queries.ts'

/** The breaker, why it opened, and who answered meanwhile. */
export const FALLBACK_PANELS = [
  timeSeries({
    title: 'State of the breaker',
    description: 'One of closed, open and half_open is 1 on each instance.',
    unit: 'short',
    max: 1,
    queries: [[gauge('max', METRICS.breakerState, 'state'), '{{state}}']],
    alerts: ['AutoFallbackTriggered', 'RuntimeFallbackStuck', 'RuntimeFallbackSplitBrain']
  }),
  timeSeries({
    title: 'Fallback by instance',
    unit: 'short',
    max: 1,
    queries: [
      [gauge('max', METRICS.fallbackEnabled, 'instance'), '{{instance}}'],
      [gauge('max', METRICS.fallbackForced, 'instance'), '{{instance}} by order']
    ],
    alerts: ['RuntimeFallbackSplitBrain', 'RuntimeFallbackFlapping']
  }),
  timeSeries({
    title: 'Changes of state',
    unit: 'short',
    queries: [[increase(METRICS.fallbackTransitions, 'to, reason'), '{{to}}: {{reason}}']],
    alerts: ['RuntimeFallbackFlapping']
  }),
  timeSeries({
    title: 'Chats answered in place of the runtime',
    unit: 'ops',
    queries: [[rate(METRICS.fallbackExecutions, 'reason'), '{{reason}}']],
    alerts: ['AutoFallbackTriggered']
  }),
  timeSeries({
    title: 'Calls that the breaker did not let through',
    unit: 'ops',
    queries: [[rate(METRICS.breakerRejections, 'instance'), '{{instance}}']]
  }),
  timeSeries({
    title: 'Probes',
    description: 'Synthetic, sent while the breaker is not closed; they are in no other figure.',
    unit: 'short',
    queries: [[increase(METRICS.probes, 'result'), '{{result}}']],
    alerts: ['RuntimeProbeFailing']
  }),
  timeSeries({
    title: 'Runtime instances in use',
    description: '1 while an instance is usable from every api process that reports it.',
    unit: 'short',
    max: 1,
    queries: [
      [gauge('min', METRICS.instanceUp, 'target'), '{{target}}'],
      [gauge('min', METRICS.healthStatus, 'instance'), 'last health check of {{instance}}']
    ],
    alerts: ['RuntimeServiceDown']
  }),
  timeSeries({
    title: 'Health checks of the runtime',
    unit: 's',
    queries: [
      [quantile(0.5, METRICS.healthCheckDuration), 'P50'],
      [quantile(0.99, METRICS.healthCheckDuration), 'P99']
    ],
    alerts: ['RuntimeProbeFailing']
  }),
  timeSeries({
    title: 'Shadow copies',
    unit: 'ops',
    queries: [[rate(METRICS.shadow, 'verdict'), '{{verdict}}']]
  })
]
