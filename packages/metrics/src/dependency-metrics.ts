import type { Histogram, Registry } from '@prometheus-io/client'
import { createGauge, createHistogram, measured } from './instruments.ts'
import { DATABASE_OPERATIONS, OTHER, REDIS_COMMANDS, SHARED_METRICS } from './names.ts'
import type { DependencyMetrics, PoolStats } from './types.ts'

/**
 * The instruments for Postgres and Redis, with every series at 0 from the first scrape on.
 * @throws {Error} when the registry already has a metric of one of these names
 */
export function createDependencyMetrics(registry: Registry): DependencyMetrics {
  let read: (() => PoolStats) | undefined
  createGauge(registry, SHARED_METRICS.poolConnections, {
    collect() {
      const stats = read?.()
      if (stats === undefined) return
      this.set({ state: 'idle' }, measured(stats.idle))
      this.set({ state: 'used' }, measured(stats.total - stats.idle))
    }
  })
  createGauge(registry, SHARED_METRICS.poolConnectionsMax, {
    collect() {
      this.set(measured(read?.().max ?? 0))
    }
  })
  createGauge(registry, SHARED_METRICS.poolWaiting, {
    collect() {
      this.set(measured(read?.().waiting ?? 0))
    }
  })
  const query = observers(createHistogram(registry, SHARED_METRICS.queryDuration), DATABASE_OPERATIONS)
  const command = observers(createHistogram(registry, SHARED_METRICS.redisDuration), REDIS_COMMANDS)

  return {
    observePool(reader) {
      read = reader
    },
    databaseQuery: query,
    redisCommand: command
  }
}

/** Observes under one of the values, and anything else under OTHER. A map, so that no name can hit a prototype. */
function observers<Name extends string>(histogram: Histogram<Name>, values: readonly string[]) {
  const byValue = new Map(values.map((value) => [value, histogram.labels(value)]))
  const other = histogram.labels(OTHER)
  return (value: string, seconds: number): void => (byValue.get(value) ?? other).observe(measured(seconds))
}
