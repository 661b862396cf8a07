import { cleanValue } from './env-file.ts'
import type { ConfigProblem } from './errors.ts'
import { ALL_GROUPS } from './groups.ts'
import type { SourceSnapshot } from './sources.ts'
import { nearestKey } from './suggest.ts'

const OWN_PREFIX = /^(CHAT|RUNTIME|LLM)_/i

/** Shell variables of the state folder's dev.env: addresses for curl, never read by a service. */
const SHELL_VARIABLES = new Set(['RUNTIME_URL'])

/** Every key name there is. */
export const KEY_NAMES: readonly string[] = ALL_GROUPS.flatMap((group) => Object.keys(group.keys))

function hint(name: string, limit?: number): string {
  const nearest = nearestKey(name, KEY_NAMES, limit)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}

/** Keys that nobody reads although they look like ours: most often a typing error. */
export function unknownKeyWarnings(snapshot: SourceSnapshot): string[] {
  const warnings: string[] = []
  for (const [name, raw] of Object.entries(snapshot.environment)) {
    if (!OWN_PREFIX.test(name) || KEY_NAMES.includes(name) || SHELL_VARIABLES.has(name) || raw === undefined) continue
    if (cleanValue(raw, false) !== '') warnings.push(`${name} in the environment is not a known key${hint(name)}`)
  }
  for (const [name, line] of Object.entries(snapshot.file?.lines ?? {})) {
    if (KEY_NAMES.includes(name)) continue
    const where = `${snapshot.filePath} line ${line}`
    // The file is ours alone, so other names count too when they are nearly a key.
    const suggestion = hint(name, OWN_PREFIX.test(name) ? undefined : 2)
    if (OWN_PREFIX.test(name) || suggestion !== '') warnings.push(`${name} in ${where} is not a known key${suggestion}`)
  }
  return warnings
}

/** What is wrong with the lines of the file: a broken quote of a known key is a problem, the rest are warnings. */
export function fileFindings(snapshot: SourceSnapshot): { problems: ConfigProblem[]; warnings: string[] } {
  const problems: ConfigProblem[] = []
  const warnings: string[] = []
  for (const { line, key, kind, message } of snapshot.file?.problems ?? []) {
    const where = `${snapshot.filePath} line ${line}`
    if (kind === 'quote' && key !== undefined && KEY_NAMES.includes(key)) {
      problems.push({
        key,
        shownValue: 'an open quote',
        origin: 'file',
        where,
        expected: 'a value whose quotes are closed, with nothing but a comment behind them'
      })
    } else {
      warnings.push(key === undefined ? `${where} ${message}` : `${key} in ${where} ${message}`)
    }
  }
  if (snapshot.file !== undefined && 'ENV_FILE' in snapshot.file.values) {
    warnings.push(
      `ENV_FILE in ${snapshot.filePath} line ${snapshot.file.lines.ENV_FILE} is ignored; set it in the environment`
    )
  }
  return { problems, warnings }
}
