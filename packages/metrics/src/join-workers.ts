import { type MetricType, Registry } from '@prometheus-io/client'
import { RUNTIME_METRICS, SHARED_METRICS } from './names.ts'

/** One metric of one process with its values, as it travels between processes. */
export interface MetricSnapshotItem {
  name: string
  help: string
  type: MetricType
  aggregator: string
  values: unknown[]
}

/** All metrics of one process at one moment; plain data. */
export type MetricSnapshot = readonly MetricSnapshotItem[]

/** How a metric of several processes becomes one; all that are not named here are as the client says, or sums. */
const AGGREGATORS: Readonly<Record<string, 'min' | 'max' | 'first'>> = {
  // Each worker names the limit that holds for all of them together.
  [RUNTIME_METRICS.runtimeInFlightLimit.name]: 'max',
  [RUNTIME_METRICS.runtimeMemoryUsed.name]: 'max',
  [RUNTIME_METRICS.runtimeWorkers.name]: 'max',
  // Each worker has connections of its own: one that is missing shows.
  [RUNTIME_METRICS.mcpServerUp.name]: 'min',
  [SHARED_METRICS.cpuLimit.name]: 'max',
  [SHARED_METRICS.memoryLimit.name]: 'max',
  // One busy loop is slow for all who are on it: a mean would hide it.
  [SHARED_METRICS.eventLoopUtilization.name]: 'max',
  [SHARED_METRICS.buildInfo.name]: 'first',
  process_start_time_seconds: 'min',
  process_max_fds: 'min',
  nodejs_eventloop_lag_seconds: 'max',
  nodejs_eventloop_lag_mean_seconds: 'max',
  nodejs_eventloop_lag_stddev_seconds: 'max',
  nodejs_eventloop_lag_p50_seconds: 'max',
  nodejs_eventloop_lag_p90_seconds: 'max',
  nodejs_eventloop_lag_p99_seconds: 'max'
}

/** What a registry shows now, as plain data that another process can join with its own. */
export async function snapshotMetrics(registry: Registry): Promise<MetricSnapshot> {
  const metrics = await registry.getMetricsAsJSON()
  return metrics.map(({ name, help, type, aggregator, values }) => ({
    name,
    help,
    type,
    aggregator: AGGREGATORS[name] ?? aggregator ?? 'sum',
    values
  }))
}

/**
 * The metrics of several processes as one page in Prometheus' text format: counters and histograms are added up,
 * gauges are joined by their meaning (a limit of all is not added up, for example).
 */
export async function joinSnapshots(snapshots: readonly MetricSnapshot[]): Promise<string> {
  return await Registry.aggregate(snapshots.map((snapshot) => [...snapshot])).metrics()
}

/**
 * What must not be forgotten of a process that is gone, added to what is left of those before it: counters and
 * histograms, which may never go back. Gauges went with the process.
 */
export async function retireSnapshot(retired: MetricSnapshot, gone: MetricSnapshot): Promise<MetricSnapshot> {
  const lasting = gone.filter(
    ({ type, aggregator }) => aggregator === 'sum' && (type === 'counter' || type === 'histogram')
  )
  return await snapshotMetrics(Registry.aggregate([[...retired], [...lasting]]))
}
