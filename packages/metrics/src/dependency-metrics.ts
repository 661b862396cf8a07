import type { Histogram, Registry } from '@prometheus-io/client'
import { createGauge, createHistogram, measured } from './instruments.ts'
import { DATABASE_OPERATIONS, HTTP_PEERS, OTHER, REDIS_COMMANDS, SHARED_METRICS } from './names.ts'
import type { DependencyMetrics, HttpConnectionStats, HttpPeer, PoolStats } from './types.ts'

/**
 * The instruments for Postgres, Redis and HTTP peers, with every series at 0 from the first scrape on.
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
  let readRedis: (() => { ready: number; total: number }) | undefined
  createGauge(registry, SHARED_METRICS.redisConnections, {
    collect() {
      const stats = readRedis?.()
      if (stats === undefined) return
      this.set({ state: 'ready' }, measured(stats.ready))
      this.set({ state: 'down' }, measured(stats.total - stats.ready))
    }
  })
  const observeHttpClient = createHttpClientGauges(registry)
  const query = observers(createHistogram(registry, SHARED_METRICS.queryDuration), DATABASE_OPERATIONS)
  const command = observers(createHistogram(registry, SHARED_METRICS.redisDuration), REDIS_COMMANDS)

  return {
    observePool(reader) {
      read = reader
    },
    observeRedis(reader) {
      readRedis = reader
    },
    observeHttpClient,
    databaseQuery: query,
    redisCommand: command
  }
}

function createHttpClientGauges(registry: Registry): DependencyMetrics['observeHttpClient'] {
  const readers = new Map<HttpPeer, () => Readonly<Record<string, HttpConnectionStats>>>()
  createGauge(registry, SHARED_METRICS.httpClientConnections, {
    collect() {
      for (const [peer, read] of readers) {
        let used = 0
        let idle = 0
        for (const { connected, free, running = 0 } of Object.values(read())) {
          const open = Number(connected)
          const atRest = free ?? (running > 0 ? 0 : open)
          idle += atRest
          used += open - atRest
        }
        this.set({ peer, state: 'idle' }, measured(idle))
        this.set({ peer, state: 'used' }, measured(used))
      }
    }
  })
  createGauge(registry, SHARED_METRICS.httpClientPending, {
    collect() {
      for (const [peer, read] of readers) {
        this.set({ peer }, measured(Object.values(read()).reduce((sum, { pending }) => sum + pending, 0)))
      }
    }
  })
  return (peer, read) => {
    if (HTTP_PEERS.includes(peer)) readers.set(peer, read)
  }
}

/** Observes under one of the values, and anything else under OTHER. A map, so that no name can hit a prototype. */
function observers<Name extends string>(histogram: Histogram<Name>, values: readonly string[]) {
  const byValue = new Map(values.map((value) => [value, histogram.labels(value)]))
  const other = histogram.labels(OTHER)
  return (value: string, seconds: number): void => (byValue.get(value) ?? other).observe(measured(seconds))
}
