import { type LoadedEnv, loadEnv, RUNTIME_GROUPS } from '@semibot/config'
import { EXECUTION_TIMEOUT_MS } from './constants/config.ts'

/** What this service reads of its environment: the values, and where each of them came from. */
export type ServiceEnv = Pick<LoadedEnv<typeof RUNTIME_GROUPS>, 'values' | 'origins'>

/** The same, and what SIGHUP does with it. */
export type ReloadableEnv = LoadedEnv<typeof RUNTIME_GROUPS>

/**
 * The environment of this process; nothing else here reads it. Keys of `given` stand in for the environment's.
 * @throws ConfigError that names every bad key
 */
export function readEnv(given: Record<string, string> = {}): ReloadableEnv {
  return loadEnv(RUNTIME_GROUPS, { environment: { ...process.env, ...given } })
}

/** Longest execution: RUNTIME_EXECUTION_TIMEOUT_MS where the operator set it, else the constant of this service. */
export function executionTimeoutMs({ values, origins }: ServiceEnv): number {
  return origins.RUNTIME_EXECUTION_TIMEOUT_MS === 'default' ? EXECUTION_TIMEOUT_MS : values.RUNTIME_EXECUTION_TIMEOUT_MS
}
