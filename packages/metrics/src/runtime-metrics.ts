import type { Registry } from '@prometheus-io/client'
import { children, createCounter, createGauge, createHistogram, measured } from './instruments.ts'
import { OTHER, RUNTIME_METRICS, STEPS, TOOL_OUTCOMES } from './names.ts'
import type { RuntimeMetrics, RuntimeMetricsOptions } from './types.ts'

/**
 * The instruments of a runtime process, with every series at 0 from the first scrape on.
 * @throws {Error} when the registry already has a metric of one of these names
 */
export function createRuntimeMetrics(registry: Registry, options: RuntimeMetricsOptions = {}): RuntimeMetrics {
  const inFlight = createGauge(registry, RUNTIME_METRICS.runtimeInFlight)
  const inFlightLimit = createGauge(registry, RUNTIME_METRICS.runtimeInFlightLimit)
  const queueLength = createGauge(registry, RUNTIME_METRICS.runtimeQueueLength)
  const refused = createCounter(registry, RUNTIME_METRICS.runtimeRefused)
  const memoryUsed = createGauge(registry, RUNTIME_METRICS.runtimeMemoryUsed)
  const workers = createGauge(registry, RUNTIME_METRICS.runtimeWorkers)
  const workerRestarts = createCounter(registry, RUNTIME_METRICS.runtimeWorkerRestarts)
  const stepDuration = createHistogram(registry, RUNTIME_METRICS.stepDuration)
  const stepOf = children(STEPS, (step) => stepDuration.labels(step))
  const toolCalls = createCounter(registry, RUNTIME_METRICS.toolCalls)
  const tools = new Set([...(options.tools ?? []), OTHER])
  for (const tool of tools) for (const outcome of TOOL_OUTCOMES) toolCalls.inc({ tool, outcome }, 0)

  return {
    setInFlight: (count) => inFlight.set(measured(count)),
    setInFlightLimit: (limit) => inFlightLimit.set(measured(limit)),
    setQueueLength: (length) => queueLength.set(measured(length)),
    refused: (reason) => refused.inc({ reason }),
    setMemoryUsed: (limit, ratio) => memoryUsed.set({ limit }, measured(ratio)),
    setWorkers: (running) => workers.set(measured(running)),
    workerRestarted: () => workerRestarts.inc(),
    step: (step, seconds) => stepOf[step].observe(measured(seconds)),
    // A model may ask for any name at all; only names of our own become series.
    toolCall: (tool, outcome) => toolCalls.inc({ tool: tools.has(tool) ? tool : OTHER, outcome })
  }
}
