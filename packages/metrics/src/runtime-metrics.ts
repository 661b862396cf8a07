import type { Registry } from '@prometheus-io/client'
import type { STEPS, TOOL_OUTCOMES } from './names.ts'

export type Step = (typeof STEPS)[number]
export type ToolOutcome = (typeof TOOL_OUTCOMES)[number]

/** What a runtime process reports. */
export interface RuntimeMetrics {
  setInFlight(count: number): void
  setInFlightLimit(limit: number): void
  setQueueLength(length: number): void
  step(step: Step, seconds: number): void
  toolCall(tool: string, outcome: ToolOutcome): void
}

export interface RuntimeMetricsOptions {
  /** Names of the registered tools; every other name is counted as `other`. */
  tools?: readonly string[]
}

export function createRuntimeMetrics(_registry: Registry, _options: RuntimeMetricsOptions = {}): RuntimeMetrics {
  throw new Error('being written')
}
