import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { brokenLinks } from '../packages/stack/src/docs/broken-links.ts'
import type { RunSummary } from '../packages/stack/src/test-run/tap-results.ts'
import { longFiles } from './file-size.ts'

const ROOT = dirname(import.meta.dirname)

/** One check: resolves with what is wrong, or with nothing. */
interface Check {
  name: string
  run: () => string[]
}

/** Everything that is wrong without running a test: format, lint, types, direction of imports, dead code, sizes, builds. */
const CHECKS: Check[] = [
  { name: 'format and lint (biome)', run: () => command('biome', 'check', '--error-on-warnings', '.') },
  { name: 'types (tsc)', run: () => command('turbo', 'run', 'typecheck', '--ui=stream', '--output-logs=errors-only') },
  { name: 'types of the scripts (tsc)', run: () => command('tsc', '-p', 'scripts') },
  { name: 'direction of imports (turbo boundaries)', run: () => command('turbo', 'boundaries') },
  { name: 'dead code and dependencies (knip)', run: () => command('knip', '--no-config-hints') },
  { name: 'file sizes', run: () => longFiles(ROOT) },
  { name: 'links and paths of the docs', run: () => brokenLinks(ROOT) },
  { name: 'build', run: () => command('turbo', 'run', 'build', '--ui=stream', '--output-logs=errors-only') }
]

/** Of the problems of one check in its note. */
const NOTE_LINES = 20

/** Runs all checks, says which failed and why, and returns how many passed and failed. */
export function runChecks(say: (text: string) => void): RunSummary {
  const notes: string[] = []
  for (const check of CHECKS) {
    const started = performance.now()
    const problems = check.run()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    say(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${check.name} (${seconds} s)`)
    for (const problem of problems) say(`  ${problem}`)
    if (problems.length > 0) notes.push([`FAILED  ${check.name}`, ...problems.slice(0, NOTE_LINES)].join('\n  '))
  }
  return { passed: CHECKS.length - notes.length, failed: notes.length, notes }
}

/** What the program wrote when it failed; nothing when it went well. */
function command(program: string, ...words: string[]): string[] {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024
  })
  if (error) return [`${program} cannot be started: ${error.message}`]
  return status === 0 ? [] : `${stdout}${stderr}`.trimEnd().split('\n')
}
