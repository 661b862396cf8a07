import type { Origin } from './key.ts'

/** One key that cannot be used. */
export interface ConfigProblem {
  readonly key: string
  /** The value as it may be shown: secrets masked, quoted, cut to a readable length; `not set` without one. */
  readonly shownValue: string
  readonly origin: Origin
  /** `environment`, `<file> line <n>` or `default`. */
  readonly where: string
  readonly expected: string
}

function describeProblem(problem: ConfigProblem): string {
  const where = problem.origin === 'default' ? '' : ` (from ${problem.where})`
  return `  ${problem.key}: ${problem.shownValue}${where}; expected ${problem.expected}`
}

/** The configuration cannot be used. The message lists every bad key on a line of its own, secrets masked. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const title = `The configuration has ${problems.length === 1 ? 'a bad key' : `${problems.length} bad keys`}:`
    super([title, ...problems.map(describeProblem)].join('\n'))
    this.problems = problems
  }
}
