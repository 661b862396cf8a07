import type { Registry } from '@prometheus-io/client'

export interface PoolStats {
  /** Connections that exist. */
  total: number
  idle: number
  /** Callers that wait for a connection. */
  waiting: number
  max: number
}

/** What a service reports of Postgres and Redis. */
export interface DependencyMetrics {
  /** Read at each scrape; must be synchronous and cheap. */
  observePool(read: () => PoolStats): void
  databaseQuery(operation: string, seconds: number): void
  redisCommand(command: string, seconds: number): void
}

export function createDependencyMetrics(_registry: Registry): DependencyMetrics {
  throw new Error('being written')
}
