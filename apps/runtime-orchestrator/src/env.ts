import { loadEnv, RUNTIME_GROUPS, type RuntimeEnv } from '@semibot/config'

export type { RuntimeEnv }

/** The environment of this process; nothing else here reads it. @throws ConfigError that names every bad key */
export function readEnv() {
  return loadEnv(RUNTIME_GROUPS)
}
