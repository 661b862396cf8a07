import type { MetricDefinition } from '@semibot/metrics'

// PromQL for panels of our own. Ranges follow the dashboard's zoom by `$__rate_interval`; the panels of the operations
// document keep the five minutes of their expressions.

type Named = Pick<MetricDefinition, 'name'>

const RANGE = '$__rate_interval'

/** The instances that the dashboard is narrowed to. */
export const INSTANCES = 'instance=~"$instance"'

/** Growth per second, summed up by labels. */
export function rate(metric: Named, by: string, matchers: string = INSTANCES): string {
  return `sum by (${by}) (rate(${metric.name}{${matchers}}[${RANGE}]))`
}

/** Growth since the point before, summed up by labels. */
export function increase(metric: Named, by: string, matchers: string = INSTANCES): string {
  return `sum by (${by}) (increase(${metric.name}{${matchers}}[${RANGE}]))`
}

/** A gauge over all instances. */
export function gauge(
  operator: 'sum' | 'max' | 'min',
  metric: Named,
  by: string,
  matchers: string = INSTANCES
): string {
  return `${operator} by (${by}) (${metric.name}{${matchers}})`
}

/** A quantile of a histogram, over all instances: buckets are summed up before, since quantiles cannot be averaged. */
export function quantile(share: number, metric: Named, by = '', matchers: string = INSTANCES): string {
  const labels = by === '' ? 'le' : `le, ${by}`
  return `histogram_quantile(${share}, sum by (${labels}) (rate(${metric.name}_bucket{${matchers}}[${RANGE}]))) >= 0`
}

/** One rate as a share of another; nothing where there is nothing to share. */
export function share(part: string, whole: string): string {
  return `${part} / (${whole} > 0)`
}
