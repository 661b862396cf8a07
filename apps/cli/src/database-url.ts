import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  ALL_GROUPS,
  CLI_GROUPS,
  type CliEnv,
  databaseUrlFromPgVariables,
  inspectEnv,
  loadEnv,
  parseEnvFile
} from '@semibot/config'
import type { Terminal } from './cli.ts'

/** The database of the commands. */
export interface DatabaseChoice {
  readonly url: string
  /** Where the URL came from, in words. */
  readonly from: string
  readonly env: Readonly<CliEnv>
}

type Sources = Pick<Terminal, 'environment' | 'directory'>

/** Variables of the dev.env that `npm start` writes; empty where there is none. */
export function readDevEnv(sources: Sources): { path: string; values: Readonly<Record<string, string>> } {
  const home = inspectEnv(ALL_GROUPS, sources).readings.get('SEMIBOT_HOME')?.value
  const path = join(resolve(sources.directory, typeof home === 'string' ? home : '.semibot'), 'dev.env')
  return { path, values: existsSync(path) ? parseEnvFile(readFileSync(path, 'utf8')).values : {} }
}

/**
 * DATABASE_URL from the environment or the file ENV_FILE; else the variables of psql; else, outside production, those in
 * the dev.env of the state folder; else the default. Throws ConfigError.
 */
export function chooseDatabase(sources: Sources): DatabaseChoice {
  const { environment } = sources
  const { readings } = inspectEnv(CLI_GROUPS, sources)
  const origin = readings.get('DATABASE_URL')?.origin
  const use = (url: string, from: string): DatabaseChoice => {
    const { values } = loadEnv(CLI_GROUPS, { ...sources, environment: { ...environment, DATABASE_URL: url } })
    return { url: values.DATABASE_URL, from, env: values }
  }
  if (origin === 'default') {
    const url = databaseUrlFromPgVariables(environment)
    if (url !== undefined) return use(url, 'PGHOST and the like in the environment')
    if (readings.get('NODE_ENV')?.value !== 'production') {
      const dev = readDevEnv(sources)
      const devUrl = databaseUrlFromPgVariables(dev.values)
      if (devUrl !== undefined) return use(devUrl, dev.path)
    }
  }
  const { values } = loadEnv(CLI_GROUPS, sources)
  return { url: values.DATABASE_URL, from: origin === 'default' ? 'default' : `DATABASE_URL, ${origin}`, env: values }
}
