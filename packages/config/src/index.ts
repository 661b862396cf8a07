export { describeKeys, type KeyDescription } from './describe-keys.ts'
export { type EnvFile, type EnvFileProblem, parseEnvFile } from './env-file.ts'
export { ConfigError, type ConfigProblem } from './errors.ts'
export {
  ALL_GROUPS,
  type AllEnv,
  API_GROUPS,
  type ApiEnv,
  CLI_GROUPS,
  type CliEnv,
  RUNTIME_GROUPS,
  type RuntimeEnv,
  SIMULATOR_GROUPS
} from './groups.ts'
export type { KeyDefinition, KeyGroup, Origin, ValuesOf } from './key.ts'
export { type EnvInspection, inspectEnv, type LoadedEnv, loadEnv } from './load-env.ts'
export { maskPassword, maskValue } from './mask.ts'
export { databaseUrlFromPgVariables } from './pg-variables.ts'
export { type ModelPrice, priceOf } from './price-list.ts'
export type { KeyReading } from './read-values.ts'
export type { ConfigChange, ReloadResult } from './reload.ts'
export { renderEnvExample, renderKeyTable } from './render-docs.ts'
export type { EnvSources } from './sources.ts'
