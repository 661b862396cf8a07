import { cleanValue } from './env-file.ts'
import type { ConfigProblem } from './errors.ts'
import type { KeyDefinition, KeyGroup, KnownValues, Origin, SecretKind } from './key.ts'
import { showValue } from './mask.ts'
import type { SourceSnapshot } from './sources.ts'

/** Everything that is known about one key after reading it. */
export interface KeyReading {
  /** `undefined` when the key is not set, or bad. */
  readonly value: unknown
  /** Cleaned text that was read; `undefined` when there is not even a default. */
  readonly text: string | undefined
  readonly origin: Origin
  /** `environment`, `<file> line <n>` or `default`. */
  readonly where: string
  readonly problem?: ConfigProblem
}

type Reading = Pick<KeyReading, 'text' | 'origin' | 'where'>

function find(name: string, definition: KeyDefinition<unknown>, snapshot: SourceSnapshot): Reading | undefined {
  const { emptyIsValue = false, freeText = false } = definition.kind
  const settled = (cleaned: string | undefined) => {
    const text = freeText ? cleaned : cleaned?.trim()
    return text === '' && !emptyIsValue ? undefined : text
  }
  const raw = snapshot.environment[name]
  const fromEnvironment = settled(raw === undefined ? undefined : cleanValue(raw, !freeText))
  if (fromEnvironment !== undefined) return { text: fromEnvironment, origin: 'environment', where: 'environment' }
  // ENV_FILE in the file would name another file; only the environment can say where the file is.
  const fromFile = name === 'ENV_FILE' ? undefined : settled(snapshot.file?.values[name])
  if (fromFile === undefined) return undefined
  return { text: fromFile, origin: 'file', where: `${snapshot.filePath} line ${snapshot.file?.lines[name]}` }
}

function describeBadText(text: string, secret: SecretKind | undefined, item: unknown): string {
  const whole = showValue(text, secret)
  if (typeof item !== 'number') return whole
  const bad =
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')[item] ?? ''
  return `item ${item + 1}, ${showValue(bad, secret)}, of ${whole}`
}

/** Reads one text by a key's definition. */
function readText(name: string, definition: KeyDefinition<unknown>, reading: Reading): KeyReading {
  if (reading.text === undefined) return { ...reading, value: undefined }
  const result = definition.kind.schema.safeParse(reading.text)
  if (result.success) return { ...reading, value: result.data }
  const { origin, where } = reading
  const shownValue = describeBadText(reading.text, definition.secret, result.error.issues[0]?.path[0])
  const problem = { key: name, shownValue, origin, where, expected: definition.kind.expected }
  return { ...reading, value: undefined, problem }
}

/** Reads every key of the groups. Defaults that follow other keys come last, in the order of the groups. */
export function readValues(groups: readonly KeyGroup[], snapshot: SourceSnapshot): Map<string, KeyReading> {
  const readings = new Map<string, KeyReading>()
  const known: Record<string, unknown> = {}
  const derived: (() => void)[] = []
  const take = (name: string, definition: KeyDefinition<unknown>, reading: Reading) => {
    const result = readText(name, definition, reading)
    readings.set(name, result)
    known[name] = result.value
  }
  for (const group of groups) {
    for (const [name, definition] of Object.entries(group.keys)) {
      const set = find(name, definition, snapshot)
      const fallback = definition.default
      if (set !== undefined) take(name, definition, set)
      else if (typeof fallback !== 'object')
        take(name, definition, { text: fallback, origin: 'default', where: 'default' })
      else
        derived.push(() => take(name, definition, { text: fallback.from(known), origin: 'default', where: 'default' }))
    }
  }
  for (const resolve of derived) resolve()
  return readings
}

/** Runs the checks of all groups; what they find about a key that is bad by itself is left out. */
export function checkValues(
  groups: readonly KeyGroup[],
  readings: ReadonlyMap<string, KeyReading>
): { problems: ConfigProblem[]; warnings: string[] } {
  const values: KnownValues = Object.fromEntries([...readings].map(([name, reading]) => [name, reading.value]))
  const origins = Object.fromEntries([...readings].map(([name, reading]) => [name, reading.origin]))
  const problems: ConfigProblem[] = []
  const warnings: string[] = []
  for (const group of groups) {
    for (const failure of group.check?.(values, origins) ?? []) {
      const { text, origin, where, problem } = readings.get(failure.key)!
      if (problem !== undefined) continue
      const secret = groups.find((other) => failure.key in other.keys)?.keys[failure.key]?.secret
      const shownValue = text === undefined || text === '' ? 'not set' : showValue(text, secret)
      if (failure.warning) warnings.push(`${failure.key} is ${shownValue}; expected ${failure.expected}`)
      else problems.push({ key: failure.key, shownValue, origin, where, expected: failure.expected })
    }
  }
  return { problems, warnings }
}
