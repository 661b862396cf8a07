import type { Registry } from '@prometheus-io/client'
import { createMcpMetrics } from '@semibot/metrics'
import type { DependencyReport } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import { MCP_TIMES } from '../../constants/mcp.ts'
import type { Tool, ToolSource } from '../tool.ts'
import { McpServer } from './mcp-server.ts'
import { createMcpTool } from './mcp-tool.ts'
import type { McpServerConfig } from './server-config.ts'
import type { ListedTool } from './tool-list.ts'

export interface McpToolsOptions {
  servers: readonly McpServerConfig[]
  version: string
  registry: Registry
  logger: FastifyBaseLogger
}

/** The tools of all MCP servers. */
export interface McpTools extends ToolSource {
  /** How each server is, for GET /ready. */
  report(): Record<string, DependencyReport>
}

/** Connects to every server of the operator's file, and stays connected until it is closed. */
export function createMcpTools({ servers: configs, version, registry, logger }: McpToolsOptions): McpTools {
  const metrics = createMcpMetrics(
    registry,
    configs.map(({ name }) => name)
  )
  const servers = configs.map((config) => new McpServer({ config, version, metrics, logger }))
  const prefixes = configs.map(({ name }) => `${name}__`)
  const firstAttempts = withinMs(MCP_TIMES.firstConnectMs, Promise.all(servers.map(({ firstAttempt }) => firstAttempt)))
  const made = new WeakMap<ListedTool, Tool>()

  return {
    // A star may stand for a part of a server's name as well.
    owns: (name) => prefixes.some((prefix) => name.startsWith(prefix)),
    tools: async (orgId) => {
      // Only right after the start: a run that is taken up here finds the tools that it had.
      await firstAttempts
      return servers
        .filter(({ config: { orgs } }) => orgs === undefined || orgs.has(orgId.toLowerCase()))
        .flatMap((server) => server.tools.map((tool) => toolOf(server, tool)))
    },
    report: () => Object.fromEntries(servers.map((server) => [`mcp:${server.config.name}`, server.report()])),
    close: async () => {
      await Promise.all(servers.map((server) => server.close()))
    }
  }

  function toolOf(server: McpServer, listed: ListedTool): Tool {
    const tool = made.get(listed) ?? createMcpTool(server, listed, metrics)
    made.set(listed, tool)
    return tool
  }
}

/** Resolves with the promise, or without it after a time. */
function withinMs(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    void promise.finally(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
