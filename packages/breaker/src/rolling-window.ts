import type { OutcomeClass, WindowSummary } from './types.ts'

export interface RollingWindowOptions {
  /** Longest memory, in seconds. Default 300. */
  windowSeconds?: number
  /** Most samples that are remembered. Default 1000. */
  maxSamples?: number
  /** Milliseconds of a clock that never goes back. Default `performance.now`. */
  now?: () => number
}

export interface RollingWindow {
  record(outcome: OutcomeClass, latencyMs: number): void
  summary(): WindowSummary
  clear(): void
}

export function createRollingWindow(_options?: RollingWindowOptions): RollingWindow {
  throw new Error('being written')
}
