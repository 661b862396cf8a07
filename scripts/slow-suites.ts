import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runTestFile } from '../packages/stack/src/test-run/run-test-file.ts'
import { describeFailures } from '../packages/stack/src/test-run/tap-failures.ts'
import { judgePackage, type PackageResult, type RunSummary } from '../packages/stack/src/test-run/tap-results.ts'
import { startTestServices } from '../packages/stack/src/test-run/test-services.ts'

const ROOT = dirname(import.meta.dirname)
const FOLDER = join(ROOT, 'infra/slow')
/** Where the TAP of each suite is kept. */
const RESULTS = join(ROOT, 'infra/.tap/slow')
/** After that a suite hangs: it is ended and counts as failed. */
const LIMIT_MINUTES = 20

/** Run only when they are named: what goes by chance must not decide whether a change is merged. */
const BY_NAME_ONLY = ['chaos']

/** A program that a machine lacks is the only reason for a skip, and not where CI=true. */
const MISSING_PROGRAM = /# SKIP (.* is missing on this machine)$/gm

export interface SlowOptions {
  /** Parts of file names, such as `images`. Empty: all but those that are run by name only. */
  names: readonly string[]
  say: (text: string) => void
  signal: AbortSignal
}

/**
 * Runs the suites of infra/slow one after the other, the image build last, against one PostgreSQL and one Redis of their
 * own, and resolves with the sum of their assertions and what failed. Throws when a name fits no suite.
 */
export async function runSlowSuites({ names, say, signal }: SlowOptions): Promise<RunSummary> {
  const files = chooseSuites(names)
  say(`Slower suites: ${files.map(suiteName).join(', ') || 'none'}`)
  const sum: RunSummary = { passed: 0, failed: 0, notes: [] }
  if (files.length === 0) return sum
  const services = await startTestServices((text) => say(`  ${text}`), signal)
  try {
    for (const file of files) {
      const result = await runSuite(file, services.env, say, signal)
      sum.passed += result.passed
      sum.failed += result.failed
      sum.notes.push(...result.notes)
      if (!signal.aborted) continue
      say('The run was interrupted.')
      break
    }
  } finally {
    await services.stop()
  }
  return sum
}

function chooseSuites(names: readonly string[]): string[] {
  const all = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
  const unknown = names.find((name) => !all.some((file) => suiteName(file).includes(name)))
  if (unknown !== undefined) {
    throw new Error(`There is no slow suite "${unknown}"; there are ${all.map(suiteName).join(', ')}.`)
  }
  const isChosen = (suite: string) =>
    names.length === 0 ? !BY_NAME_ONLY.includes(suite) : names.some((name) => suite.includes(name))
  return all.filter((file) => isChosen(suiteName(file)))
}

/** `zz-images.test.ts` is `images`: the prefix only sorts. */
function suiteName(file: string): string {
  return file.replace(/^zz-/, '').replace(/\.test\.ts$/, '')
}

async function runSuite(
  file: string,
  env: NodeJS.ProcessEnv,
  say: (text: string) => void,
  signal: AbortSignal
): Promise<PackageResult & { notes: string[] }> {
  const name = suiteName(file)
  const started = performance.now()
  say(`\n${name} ...`)
  const { tap, exitCode } = await runFile(file, env, say, signal)
  const allowedSkips =
    process.env.CI === 'true' ? [] : [...tap.matchAll(MISSING_PROGRAM)].map(([, why]) => why as string)
  const result = judgePackage({ name, tap, exitCode, allowedSkips })
  const failures = result.failed === 0 ? [] : [...describeFailures(tap), ...result.problems]
  for (const failure of failures) say(failure)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  say(
    `${result.failed === 0 ? 'ok    ' : 'FAILED'} ${name} (${result.passed} ok, ${result.failed} failed, ${seconds} s)`
  )
  return { ...result, notes: failures.length === 0 ? [] : [[`FAILED  ${name}`, ...failures].join('\n  ')] }
}

/** Shows what each test of the file came to while it runs, and what the file says in comments. */
async function runFile(
  file: string,
  env: NodeJS.ProcessEnv,
  say: (text: string) => void,
  signal: AbortSignal
): Promise<{ tap: string; exitCode: number }> {
  const onLine = (line: string): void => {
    if (/^(not )?ok /.test(line)) say(`  ${line.replace(/ (# time=.*|\{)$/, '')}`)
    else if (/^ *# (?!Subtest: |\{ total: |time=)/.test(line)) say(`    ${line.trim().slice(2)}`)
  }
  const limitMs = LIMIT_MINUTES * 60_000
  const run = await runTestFile({ cwd: ROOT, file: join(FOLDER, file), env, limitMs, signal, onLine })
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(join(RESULTS, `${suiteName(file)}.tap`), run.tap)
  return run
}
