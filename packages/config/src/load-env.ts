import { ConfigError, type ConfigProblem } from './errors.ts'
import type { KeyGroup, Origin, ValuesOf } from './key.ts'
import { checkValues, type KeyReading, readValues } from './read-values.ts'
import { type ReloadResult, reloadReadings } from './reload.ts'
import { type EnvSources, readSources } from './sources.ts'
import { fileFindings, unknownKeyWarnings } from './warnings.ts'

/** The effective configuration of one process. */
export interface LoadedEnv<G extends readonly KeyGroup[]> {
  /** Typed values by key. The object stays the same for the life of the process; `reload` changes it in place. */
  readonly values: Readonly<ValuesOf<G>>
  readonly origins: Readonly<Record<keyof ValuesOf<G> & string, Origin>>
  /** For the log at boot: unknown keys, odd lines of the file, values that make no sense together. */
  readonly warnings: readonly string[]
  /** Absolute path of ENV_FILE, and whether there was such a file. */
  readonly file: { readonly path: string; readonly found: boolean }
  /**
   * Any variable by name, known key or not: process environment, then the file, as both were at boot; undefined when
   * neither has it. For files of the operator that refer to secrets by name.
   */
  variable(name: string): string | undefined
  /** Re-reads the file, for SIGHUP. Never throws. */
  reload(): ReloadResult
}

/** What was read, good or bad. */
export interface EnvInspection {
  readonly readings: ReadonlyMap<string, KeyReading>
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly string[]
  readonly file: { readonly path: string; readonly found: boolean }
}

function inspect(groups: readonly KeyGroup[], sources: EnvSources) {
  const snapshot = readSources(sources)
  const readings = readValues(groups, snapshot)
  const findings = fileFindings(snapshot)
  const checked = checkValues(groups, readings)
  const loaded = new Set(groups.flatMap((group) => Object.keys(group.keys)))
  const broken = findings.problems.filter((problem) => loaded.has(problem.key))
  const bad = [...readings.values()].flatMap((reading) => reading.problem ?? [])
  const problems = [...snapshot.problems, ...broken]
  for (const problem of [...bad, ...checked.problems]) {
    if (!problems.some((earlier) => earlier.key === problem.key)) problems.push(problem)
  }
  const warnings = [...findings.warnings, ...unknownKeyWarnings(snapshot), ...checked.warnings]
  return {
    snapshot,
    readings,
    problems,
    warnings,
    file: { path: snapshot.filePath, found: snapshot.file !== undefined }
  }
}

/** Reads the configuration without judging it: for `semibot config show` and `semibot doctor`. */
export function inspectEnv(groups: readonly KeyGroup[], sources: EnvSources = {}): EnvInspection {
  const { readings, problems, warnings, file } = inspect(groups, sources)
  return { readings, problems, warnings, file }
}

/**
 * Reads every key of the groups: process environment, then file `ENV_FILE` (default `./.env`), then default. Values of
 * both sources are cleaned of quotes and comments. Throws a `ConfigError` that names every bad key at once.
 */
export function loadEnv<const G extends readonly KeyGroup[]>(groups: G, sources: EnvSources = {}): LoadedEnv<G> {
  const { snapshot, readings, problems, warnings, file } = inspect(groups, sources)
  if (problems.length > 0) throw new ConfigError(problems)
  const values: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  for (const [name, reading] of readings) {
    values[name] = reading.value
    origins[name] = reading.origin
  }
  let current = { snapshot, readings: readings as ReadonlyMap<string, KeyReading> }
  const reload = () => {
    const next = reloadReadings(groups, sources, current)
    current = { snapshot: next.snapshot, readings: next.readings }
    for (const { key } of next.result.changed) {
      values[key] = next.readings.get(key)!.value
      origins[key] = next.readings.get(key)!.origin
    }
    return next.result
  }
  const variable = (name: string) => snapshot.environment[name] ?? snapshot.file?.values[name]
  return {
    values: values as ValuesOf<G>,
    origins: origins as LoadedEnv<G>['origins'],
    warnings,
    file,
    variable,
    reload
  }
}
