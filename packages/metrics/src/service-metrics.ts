import type { Registry } from '@prometheus-io/client'

export interface ServiceMetricsOptions {
  version: string
}

/** What every service reports of its own process. */
export interface ServiceMetrics {
  logLinesDropped(lines: number): void
}

export function createServiceMetrics(_registry: Registry, _options: ServiceMetricsOptions): ServiceMetrics {
  throw new Error('being written')
}
