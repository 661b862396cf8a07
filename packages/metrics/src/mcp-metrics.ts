import type { Registry } from '@prometheus-io/client'
import { createCounter, createGauge } from './instruments.ts'
import { MCP_CALL_OUTCOMES, RUNTIME_METRICS } from './names.ts'

export type McpCallOutcome = (typeof MCP_CALL_OUTCOMES)[number]

/** What a runtime process reports of the MCP servers that its operator listed. */
export interface McpMetrics {
  setServerUp(server: string, up: boolean): void
  serverRestarted(server: string): void
  call(server: string, outcome: McpCallOutcome): void
}

/**
 * The instruments of MCP servers, with every series of `servers` at 0 from the first scrape on. The names are those of
 * the operator's file: no server can add one.
 * @throws {Error} when the registry already has a metric of one of these names
 */
export function createMcpMetrics(registry: Registry, servers: readonly string[]): McpMetrics {
  const up = createGauge(registry, RUNTIME_METRICS.mcpServerUp)
  const restarts = createCounter(registry, RUNTIME_METRICS.mcpServerRestarts)
  const calls = createCounter(registry, RUNTIME_METRICS.mcpCalls)
  for (const server of servers) {
    up.set({ server }, 0)
    restarts.inc({ server }, 0)
    for (const outcome of MCP_CALL_OUTCOMES) calls.inc({ server, outcome }, 0)
  }
  return {
    setServerUp: (server, isUp) => up.set({ server }, isUp ? 1 : 0),
    serverRestarted: (server) => restarts.inc({ server }),
    call: (server, outcome) => calls.inc({ server, outcome })
  }
}
