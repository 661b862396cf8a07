import { ConfigError, type ConfigProblem, maskPassword, maskValue } from '@semibot/config'
import type { z } from 'zod'

const SHOWN_LENGTH = 120

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is wrong with the operator's file, gathered so that all of it can be told at once. */
export class ProblemList {
  readonly #file: string
  readonly #problems: ConfigProblem[] = []

  constructor(file: string) {
    this.#file = file
  }

  get found(): boolean {
    return this.#problems.length > 0
  }

  /** `value` is shown unless the path says that it may be a secret. */
  add(path: readonly PropertyKey[], value: unknown, expected: string): void {
    const shownValue = show(path.map(String), value)
    this.#problems.push({ key: path.map(String).join('.'), shownValue, origin: 'file', where: this.#file, expected })
  }

  /** `known` are the settings that stand at this place, for whoever misspelt one. */
  addIssues(at: readonly string[], root: unknown, { issues }: z.ZodError, known: readonly string[] = []): void {
    for (const issue of issues) {
      const path = [...at, ...issue.path]
      if (issue.code === 'unrecognized_keys') {
        const expected = known.length > 0 ? `one of the settings ${known.join(', ')}` : 'mcpServers alone'
        for (const key of issue.keys) this.add([...path, key], valueAt(root, [...issue.path, key]), expected)
      } else if (issue.code === 'invalid_key') {
        // The name itself is bad, not what it stands for.
        this.add(path, path.at(-1), issue.issues[0]?.message ?? issue.message)
      } else {
        this.add(path, valueAt(root, issue.path), issue.message)
      }
    }
  }

  toError(): ConfigError {
    return new ConfigError(this.#problems)
  }
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

function show([, , setting]: readonly string[], value: unknown): string {
  if (value === undefined) return 'not set'
  const secret = setting === 'env' || setting === 'headers' || setting === 'args'
  if (secret && typeof value !== 'object') return maskValue(String(value), 'whole')
  // Of what holds other things, only the kind: it may hold secrets.
  if (Array.isArray(value)) return secret ? 'a list' : cut(JSON.stringify(value))
  if (isRecord(value)) return 'an object'
  return cut(typeof value === 'string' ? JSON.stringify(maskPassword(value)) : String(value))
}

function cut(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text
}
