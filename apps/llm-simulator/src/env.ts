import { loadEnv, SIMULATOR_GROUPS } from '@semibot/config'

/** The environment of this process. @throws ConfigError that names every bad key */
export function readEnv() {
  return loadEnv(SIMULATOR_GROUPS).values
}
