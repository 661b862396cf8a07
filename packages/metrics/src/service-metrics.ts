import { performance } from 'node:perf_hooks'
import { collectDefaultMetrics, type Registry } from '@prometheus-io/client'
import { createCounter, createGauge, measured } from './instruments.ts'
import { SHARED_METRICS, SPAN_OUTCOMES } from './names.ts'
import { readResourceLimits } from './resource-limits.ts'
import type { ServiceMetricsOptions } from './types.ts'

/** Two scrapes closer together than this show the same utilisation: a share of a few milliseconds says nothing. */
const MIN_UTILIZATION_SPAN_MS = 1000

/** Default metrics in whose place the gauge of our own stands; their names break the naming rules as well. */
const REPLACED_DEFAULTS = ['nodejs_eventloop_utilization_summary', 'nodejs_eventloop_utilization_histogram']
/** The longest delay that a timer can have. */
const NEVER_MS = 2 ** 31 - 1

/**
 * The instruments of the process itself: limits of CPU and memory, event loop, version, and the client's default
 * metrics for Node.js.
 * @throws {Error} when the registry already has a metric of one of these names
 */
export function createServiceMetrics(registry: Registry, options: ServiceMetricsOptions): void {
  const limits = readResourceLimits()
  createGauge(registry, SHARED_METRICS.cpuLimit).set(limits.cpuCores)
  createGauge(registry, SHARED_METRICS.memoryLimit).set(limits.memoryBytes)
  createGauge(registry, SHARED_METRICS.buildInfo).set({ version: options.version }, 1)
  const { now = () => performance.now(), droppedLines = () => 0, spans } = options
  let counted = 0
  createCounter(registry, SHARED_METRICS.logLinesDropped, {
    collect() {
      const dropped = Math.max(counted, measured(droppedLines()))
      this.inc(dropped - counted)
      counted = dropped
    }
  })
  const told = { exported: 0, failed: 0, dropped: 0 }
  createCounter(registry, SHARED_METRICS.traceSpans, {
    collect() {
      if (spans === undefined) return
      const counts = spans()
      for (const outcome of SPAN_OUTCOMES) {
        const count = Math.max(told[outcome], measured(counts[outcome]))
        this.inc({ outcome }, count - told[outcome])
        told[outcome] = count
      }
    }
  })
  let last = performance.eventLoopUtilization()
  let lastMs = now()
  createGauge(registry, SHARED_METRICS.eventLoopUtilization, {
    collect() {
      if (now() - lastMs < MIN_UTILIZATION_SPAN_MS) return
      const current = performance.eventLoopUtilization()
      this.set(performance.eventLoopUtilization(current, last).utilization)
      last = current
      lastMs = now()
    }
  })
  collectDefaultMetrics({ register: registry, eventLoopUtilizationTimeout: NEVER_MS })
  for (const name of REPLACED_DEFAULTS) registry.removeSingleMetric(name)
}
