import { authGroup } from './groups/auth.ts'
import { chatGroup } from './groups/chat.ts'
import { databaseGroup } from './groups/database.ts'
import { fallbackGroup } from './groups/fallback.ts'
import { llmGroup } from './groups/llm.ts'
import { mcpGroup } from './groups/mcp.ts'
import { redisGroup } from './groups/redis.ts'
import { runtimeGroup } from './groups/runtime.ts'
import { serverGroup } from './groups/server.ts'
import { simulatorGroup } from './groups/simulator.ts'
import { startGroup } from './groups/start.ts'
import { tracingGroup } from './groups/tracing.ts'
import type { ValuesOf } from './key.ts'

/** What `apps/api` reads. */
export const API_GROUPS = [
  serverGroup,
  chatGroup,
  fallbackGroup,
  runtimeGroup,
  llmGroup,
  databaseGroup,
  redisGroup,
  tracingGroup,
  authGroup
] as const
export type ApiEnv = ValuesOf<typeof API_GROUPS>

/** What `apps/runtime-orchestrator` reads. */
export const RUNTIME_GROUPS = [
  serverGroup,
  runtimeGroup,
  mcpGroup,
  llmGroup,
  databaseGroup,
  redisGroup,
  tracingGroup
] as const
export type RuntimeEnv = ValuesOf<typeof RUNTIME_GROUPS>

/** What `apps/llm-simulator` reads. */
export const SIMULATOR_GROUPS = [serverGroup, simulatorGroup] as const

/** What the database commands of `semibot` read. */
export const CLI_GROUPS = [serverGroup, databaseGroup] as const
export type CliEnv = ValuesOf<typeof CLI_GROUPS>

/** Every key there is, in the order of the docs; `npm start` reads these. */
export const ALL_GROUPS = [
  startGroup,
  serverGroup,
  chatGroup,
  fallbackGroup,
  runtimeGroup,
  mcpGroup,
  llmGroup,
  databaseGroup,
  redisGroup,
  tracingGroup,
  authGroup,
  simulatorGroup
] as const
export type AllEnv = ValuesOf<typeof ALL_GROUPS>
