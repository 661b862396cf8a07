import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { cleanValue, type EnvFile, parseEnvFile } from './env-file.ts'
import type { ConfigProblem } from './errors.ts'
import { showValue } from './mask.ts'

const DEFAULT_FILE = './.env'
const MAX_FILE_BYTES = 1024 * 1024

/** Where values come from. */
export interface EnvSources {
  /** Default: `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Folder that a relative ENV_FILE starts from. Default: the working directory. */
  readonly directory?: string
  /** Text of a file, or `undefined` when there is none; throws when it cannot be read. Default: from the disk. */
  readonly readFile?: (path: string) => string | undefined
}

/** The sources as they were at one moment. */
export interface SourceSnapshot {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly filePath: string
  /** `undefined` when there is no file, which only matters when ENV_FILE names one. */
  readonly file: EnvFile | undefined
  readonly fileText: string | undefined
  readonly problems: readonly ConfigProblem[]
}

function readFromDisk(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return undefined
  if (stats.isDirectory()) throw new Error('it is a folder')
  if (stats.size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`)
  return readFileSync(path, 'utf8')
}

/** Copies the environment and reads ENV_FILE. A file that cannot be read is a problem, never an exception. */
export function readSources(sources: EnvSources): SourceSnapshot {
  const environment = { ...(sources.environment ?? process.env) }
  const named = cleanValue(environment.ENV_FILE ?? '', false)
  const filePath = resolve(sources.directory ?? process.cwd(), named === '' ? DEFAULT_FILE : named)
  const problem = (expected: string): ConfigProblem => ({
    key: 'ENV_FILE',
    shownValue: showValue(filePath, undefined),
    origin: named === '' ? 'default' : 'environment',
    where: 'environment',
    expected
  })
  let fileText: string | undefined
  try {
    fileText = (sources.readFile ?? readFromDisk)(filePath)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { environment, filePath, file: undefined, fileText, problems: [problem(`a readable file (${reason})`)] }
  }
  if (fileText === undefined) {
    const problems = named === '' ? [] : [problem('a file that exists')]
    return { environment, filePath, file: undefined, fileText, problems }
  }
  return { environment, filePath, file: parseEnvFile(fileText), fileText, problems: [] }
}
