import { type LoadedEnv, loadEnv, RUNTIME_GROUPS } from '@semibot/config'
import { EXECUTION_TIMEOUT_MS } from './constants/config.ts'
import { readServersFile } from './tools/mcp/read-servers-file.ts'
import type { McpServerConfig } from './tools/mcp/server-config.ts'

/** What this service reads of its environment: the values, and where each of them came from. */
export interface ServiceEnv extends Pick<LoadedEnv<typeof RUNTIME_GROUPS>, 'values' | 'origins'> {
  /** Those of MCP_SERVERS_FILE; default: none. */
  mcpServers?: readonly McpServerConfig[]
}

/** The same, and what SIGHUP does with it. */
export type ReloadableEnv = LoadedEnv<typeof RUNTIME_GROUPS> & ServiceEnv

/** What a child process may know of the environment of this one; the rest holds secrets. */
const INHERITED = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TERM', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'])

/**
 * The environment of this process and the files that it names; nothing else here reads it. Keys of `given` stand in for the environment's.
 * @throws ConfigError that names every bad key
 */
export function readEnv(given: Record<string, string> = {}): ReloadableEnv {
  const environment = { ...process.env, ...given }
  const env = loadEnv(RUNTIME_GROUPS, { environment })
  const path = env.values.MCP_SERVERS_FILE
  if (path === undefined) return env
  const inherited = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      INHERITED.has(name) && value !== undefined ? [[name, value]] : []
    )
  )
  return { ...env, mcpServers: readServersFile({ path, variables: env.variable, inherited }) }
}

/** Longest execution: RUNTIME_EXECUTION_TIMEOUT_MS where the operator set it, else the constant of this service. */
export function executionTimeoutMs({ values, origins }: ServiceEnv): number {
  return origins.RUNTIME_EXECUTION_TIMEOUT_MS === 'default' ? EXECUTION_TIMEOUT_MS : values.RUNTIME_EXECUTION_TIMEOUT_MS
}

/** Flags that Node.js was started with, on its command line and in its environment. */
export function nodeFlags(): string[] {
  // An option may stand in quotes; those of the flags that are looked for hold no space.
  const options = (process.env.NODE_OPTIONS ?? '').replaceAll('"', '').split(/\s+/)
  return [...options, ...process.execArgv].filter((flag) => flag !== '')
}
