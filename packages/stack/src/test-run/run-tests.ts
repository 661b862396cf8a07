import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MISSING_PROMETHEUS } from '../test/prometheus.ts'
import { MISSING_REDIS } from '../test/redis.ts'
import { describeFailures } from './tap-failures.ts'
import { judgePackage, type PackageResult, sumResults } from './tap-results.ts'
import { startTestServices } from './test-services.ts'
import { findTasks, runTurbo, type TestTask } from './turbo-run.ts'

/** What the whole run may take on two cores. */
const BUDGET_MINUTES = 8
/** After that something hangs: the run is ended and counts as failed. */
const LIMIT_MINUTES = 20

export interface RunTestsOptions {
  /** Further arguments for turbo, such as `--filter=@semibot/api`. */
  turboArguments: readonly string[]
  say: (text: string) => void
  signal: AbortSignal
}

/**
 * Runs the tests of all packages (or of those that the arguments choose) against one PostgreSQL and one Redis of their
 * own, and resolves with the sum of all assertions. Earlier results are taken from turbo's cache where nothing changed.
 */
export async function runTests(options: RunTestsOptions): Promise<{ passed: number; failed: number }> {
  const { say, signal } = options
  const isCi = process.env.CI === 'true'
  const tasks = findTasks(options.turboArguments)
  announce(tasks, say)
  for (const task of tasks) rmSync(resultFile(task), { force: true })

  const services = await startTestServices((text) => say(`  ${text}`), signal)
  const limit = AbortSignal.timeout(LIMIT_MINUTES * 60_000)
  const turboArguments = [...(services.foreign ? ['--force'] : []), ...options.turboArguments]
  const run = runTurbo(turboArguments, services.env, AbortSignal.any([signal, limit]))
  const { exitCode, failed } = await run.finally(services.stop)
  if (signal.aborted) say('The run was interrupted.')
  else if (limit.aborted) say(`The run was ended after ${LIMIT_MINUTES} minutes.`)

  const missing = [
    ...(services.hasRedis ? [] : [MISSING_REDIS]),
    ...(services.hasPrometheus ? [] : [MISSING_PROMETHEUS])
  ]
  const allowedSkips = isCi ? [] : missing
  const results = tasks.map((task) => {
    const exit = failed.has(task.name) ? 1 : 0
    return judgePackage({ name: task.name, tap: read(resultFile(task)), exitCode: exit, allowedSkips })
  })
  for (const [index, task] of tasks.entries()) if (results[index]?.failed) showFailures(task, say)
  showResults(results, say)
  const total = sumResults(results, exitCode)
  for (const reason of missing) {
    say(`${reason}: what needs it was skipped${isCi ? ', which is a failure where CI=true' : ''}.`)
  }
  return isCi ? { ...total, failed: total.failed + missing.length } : total
}

function announce(tasks: readonly TestTask[], say: (text: string) => void): void {
  const files = tasks.reduce((sum, task) => sum + countTestFiles(task.folder), 0)
  say(
    `Tests of ${tasks.length} packages (${files} files): at most ${BUDGET_MINUTES} minutes on two cores, less where nothing changed.`
  )
  say(`  ${tasks.map((task) => task.name).join(', ')}`)
  say('They share a PostgreSQL and a Redis that are started for this run; each file has a database of its own.')
}

function countTestFiles(folder: string): number {
  const tests = join(folder, 'test')
  if (!existsSync(tests)) return 0
  return readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts')).length
}

function resultFile(task: TestTask): string {
  return join(task.folder, '.tap/run.tap')
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

function showFailures(task: TestTask, say: (text: string) => void): void {
  const failures = describeFailures(read(resultFile(task)) ?? '')
  for (const failure of failures) say(`\n${task.name}: ${failure}`)
  // Without a failed assertion it is the coverage, of which tap writes a table, or something before tap.
  if (failures.length === 0) say(`\n${task.name}:\n${read(join(task.folder, '.turbo/turbo-test.log')) ?? ''}`)
  say(`All of it: cd ${task.folder} && pnpm exec tap`)
}

function showResults(results: readonly PackageResult[], say: (text: string) => void): void {
  say('')
  const width = Math.max(0, ...results.map((result) => result.name.length))
  for (const { name, passed, failed, problems } of results) {
    say(`${name.padEnd(width)}  ${String(passed).padStart(6)} ok${failed === 0 ? '' : `  ${failed} FAILED`}`)
    for (const problem of problems) say(`${' '.repeat(width)}  ${problem}`)
  }
}
