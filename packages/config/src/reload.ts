import type { ConfigProblem } from './errors.ts'
import type { KeyGroup, Keys, Origin } from './key.ts'
import { maskValue, showValue } from './mask.ts'
import { checkValues, type KeyReading, readValues } from './read-values.ts'
import { type EnvSources, readSources, type SourceSnapshot } from './sources.ts'
import { fileFindings, unknownKeyWarnings } from './warnings.ts'

/** One key that has another value now; texts are masked. */
export interface ConfigChange {
  readonly key: string
  readonly from: string
  readonly to: string
  readonly origin: Origin
}

/** What a reload did. All lists are empty when the file is as it was. */
export interface ReloadResult {
  readonly changed: readonly ConfigChange[]
  /** Bad new values; the old ones stay. */
  readonly refused: readonly ConfigProblem[]
  /** Good new values of keys that are only read at boot; the old ones stay until then. */
  readonly needRestart: readonly ConfigChange[]
  readonly warnings: readonly string[]
}

interface State {
  readonly snapshot: SourceSnapshot
  readonly readings: ReadonlyMap<string, KeyReading>
}

const MISSING = 'a file that still exists; the values that were read from it stay'

const NOTHING: ReloadResult = { changed: [], refused: [], needRestart: [], warnings: [] }

/**
 * Reads the file again against the environment as it was at boot. A key that the environment set then never changes; a
 * key that left the file gets its default. A bad value is refused and the old one stays.
 */
export function reloadReadings(
  groups: readonly KeyGroup[],
  sources: EnvSources,
  current: State
): State & { result: ReloadResult } {
  const snapshot = readSources({ ...sources, environment: current.snapshot.environment })
  if (snapshot.problems.length > 0) return { ...current, result: { ...NOTHING, refused: snapshot.problems } }
  if (snapshot.fileText === current.snapshot.fileText) return { ...current, result: NOTHING }
  if (snapshot.fileText === undefined) {
    const shownValue = showValue(snapshot.filePath, undefined)
    const problem = { key: 'ENV_FILE', shownValue, origin: 'default', where: 'default', expected: MISSING } as const
    return { ...current, result: { ...NOTHING, refused: [problem] } }
  }
  const findings = fileFindings(snapshot)
  const definitions = Object.assign({}, ...groups.map((group) => group.keys)) as Keys
  const refused: ConfigProblem[] = findings.problems.filter(({ key }) => key in definitions)
  const next = new Map(readValues(groups, snapshot))
  for (const { problem } of next.values()) {
    if (problem !== undefined && !refused.some(({ key }) => key === problem.key)) refused.push(problem)
  }
  for (const { key } of refused) next.set(key, current.readings.get(key)!)

  const changes = (reloadable: boolean) =>
    [...next].flatMap(([key, reading]) => {
      const before = current.readings.get(key)!
      const { secret, reloadable: isReloadable = false } = definitions[key]!
      if (isReloadable !== reloadable || before.text === reading.text) return []
      const from = maskValue(before.text ?? '', secret)
      return [{ key, from, to: maskValue(reading.text ?? '', secret), origin: reading.origin }]
    })
  const needRestart = changes(false)
  for (const { key } of needRestart) next.set(key, current.readings.get(key)!)
  const checked = checkValues(groups, next)
  for (const problem of checked.problems) {
    refused.push(problem)
    next.set(problem.key, current.readings.get(problem.key)!)
  }
  const warnings = [...findings.warnings, ...unknownKeyWarnings(snapshot), ...checked.warnings]
  return { snapshot, readings: next, result: { changed: changes(true), refused, needRestart, warnings } }
}
