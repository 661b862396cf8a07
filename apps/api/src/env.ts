import { API_GROUPS, type LoadedEnv, loadEnv } from '@semibot/config'

export type { ApiEnv } from '@semibot/config'

/**
 * Reads the configuration of this process. The only place of the api that looks at `process.env`.
 *
 * @throws ConfigError that names every key which is not as expected.
 */
export function loadApiEnv(environment: NodeJS.ProcessEnv = process.env): LoadedEnv<typeof API_GROUPS> {
  return loadEnv(API_GROUPS, { environment })
}
