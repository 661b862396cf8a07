import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../paths.ts'

/** By how much drills and tests are faster than operations. */
export const FAST_FACTOR = 20

const RULES_FOLDER = join(REPOSITORY_ROOT, 'infra/prometheus/rules')

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 } as const

const DURATION = '(?:\\d+(?:ms|[smhdwy]))+'
/** `for: 5m` and the like, at any depth, as the first key of a list entry too. */
const SETTING = new RegExp(`^([ -]*(?:for|keep_firing_for|interval): )(["']?)(${DURATION})\\2$`, 'gm')
/** `[5m]` and `[5m:30s]`. */
const RANGE = new RegExp(`\\[(${DURATION})(:(${DURATION})?)?\\]`, 'g')
const OFFSET = new RegExp(`\\b(offset -?)(${DURATION})\\b`, 'g')

/** The rule files of the repository, as absolute paths. */
export function ruleFiles(): string[] {
  const files = readdirSync(RULES_FOLDER).filter((file) => file.endsWith('.yml'))
  return files.sort().map((file) => join(RULES_FOLDER, file))
}

/**
 * Copies of the repository's rule files, in `dir`, with every duration divided by `factor` (default FAST_FACTOR), and
 * their paths. Names, labels and texts stay, so that a drill sees the alerts of operations, only sooner: scrape and
 * evaluate that much more often as well.
 */
export function writeFastRules(dir: string, factor = FAST_FACTOR): string[] {
  mkdirSync(dir, { recursive: true })
  return ruleFiles().map((path) => {
    const copy = join(dir, path.slice(RULES_FOLDER.length + 1))
    writeFileSync(copy, fasterRules(readFileSync(path, 'utf8'), factor))
    return copy
  })
}

/** The text of a rule file or of an expression with the durations of waits, intervals, ranges and offsets divided. */
export function fasterRules(text: string, factor = FAST_FACTOR): string {
  const faster = (duration: string): string => formatDuration(durationMs(duration) / factor)
  return text
    .replace(SETTING, (_, key: string, quote: string, duration: string) => `${key}${quote}${faster(duration)}${quote}`)
    .replace(RANGE, (_, range: string, step = '', resolution?: string) => {
      const divided = resolution === undefined ? step : `:${faster(resolution)}`
      return `[${faster(range)}${divided}]`
    })
    .replace(OFFSET, (_, word: string, duration: string) => `${word}${faster(duration)}`)
}

/** Milliseconds of a duration as Prometheus writes it, such as `1h30m`; NaN when it is none. */
export function durationMs(duration: string): number {
  if (!new RegExp(`^${DURATION}$`).test(duration)) return Number.NaN
  let sum = 0
  for (const [, count, unit] of duration.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    sum += Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS]
  }
  return sum
}

function formatDuration(milliseconds: number): string {
  const rounded = Math.max(1, Math.round(milliseconds))
  return rounded % 1000 === 0 ? `${rounded / 1000}s` : `${rounded}ms`
}
