import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MISSING_PROMETHEUS } from '../test/prometheus.ts'
import { MISSING_REDIS } from '../test/redis.ts'
import { failedFiles, MAX_SECOND_RUNS, runAgain, type SecondRun } from './second-run.ts'
import { describeFailures } from './tap-failures.ts'
import { judgePackage, type PackageResult, type RunSummary, sumResults } from './tap-results.ts'
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
 * own, and resolves with the sum of all assertions, and with what failed in a few lines each. Earlier results are taken
 * from turbo's cache where nothing changed.
 */
export async function runTests(options: RunTestsOptions): Promise<RunSummary> {
  const { say, signal } = options
  const isCi = process.env.CI === 'true'
  const tasks = findTasks(options.turboArguments)
  announce(tasks, say)
  for (const task of tasks) rmSync(resultFile(task), { force: true })

  const services = await startTestServices((text) => say(`  ${text}`), signal)
  const missing = [
    ...(services.hasRedis ? [] : [MISSING_REDIS]),
    ...(services.hasPrometheus ? [] : [MISSING_PROMETHEUS])
  ]
  const allowedSkips = isCi ? [] : missing
  const limit = AbortSignal.timeout(LIMIT_MINUTES * 60_000)
  const ended = AbortSignal.any([signal, limit])
  const turboArguments = [...(services.foreign ? ['--force'] : []), ...options.turboArguments]
  let outcome: Outcome
  try {
    const { exitCode, failed } = await runTurbo(turboArguments, services.env, ended)
    const results = tasks.map((task) => {
      const exit = failed.has(task.name) ? 1 : 0
      return judgePackage({ name: task.name, tap: read(resultFile(task)), exitCode: exit, allowedSkips })
    })
    for (const [index, task] of tasks.entries()) if (results[index]?.failed) showFailures(task, say)
    const again = { env: services.env, signal: ended, allowedSkips }
    outcome = ended.aborted ? { results, exitCode, notes: [] } : await runFailedAgain(tasks, results, exitCode, again)
  } finally {
    await services.stop()
  }
  if (signal.aborted) say('The run was interrupted.')
  else if (limit.aborted) say(`The run was ended after ${LIMIT_MINUTES} minutes.`)

  const { results, exitCode, notes } = outcome
  showResults(results, say)
  const total = sumResults(results, exitCode)
  for (const reason of missing) {
    say(`${reason}: what needs it was skipped${isCi ? ', which is a failure where CI=true' : ''}.`)
  }
  for (const note of notes) say(note)
  return { passed: total.passed, failed: isCi ? total.failed + missing.length : total.failed, notes }
}

interface Outcome {
  results: PackageResult[]
  exitCode: number
  /** What the end of the output should say once more. */
  notes: string[]
}

/**
 * Runs the files that failed once more, each alone: a machine that was too busy for a deadline of a test is no defect
 * of what is tested. What passes then is named all the same; what fails again has failed.
 */
async function runFailedAgain(
  tasks: readonly TestTask[],
  results: readonly PackageResult[],
  exitCode: number,
  options: Pick<SecondRun, 'env' | 'signal' | 'allowedSkips'>
): Promise<Outcome> {
  const broken = results.flatMap((result, index) => (result.failed > 0 ? [{ result, task: tasks[index]! }] : []))
  const files = broken.flatMap(({ task }) => failedFiles(read(resultFile(task)) ?? '').map((file) => ({ task, file })))
  const others = broken.filter(
    ({ result, task }) => result.problems.length > 0 || !files.some((one) => one.task === task)
  )
  const notes = files.map(({ task, file }) => `FAILED  ${task.name}: ${file}`)
  if (files.length === 0 || files.length > MAX_SECOND_RUNS || others.length > 0) {
    return { results: [...results], exitCode, notes: [...notes, ...others.map(({ task }) => `FAILED  ${task.name}`)] }
  }
  const failedAgain = new Set<string>()
  for (const [index, { task, file }] of files.entries()) {
    const failures = await runAgain({ ...options, folder: task.folder, file })
    if (failures.length > 0) failedAgain.add(task.name)
    notes[index] =
      failures.length === 0
        ? `UNSTEADY  ${task.name}: ${file} failed beside others and passed alone`
        : [`FAILED twice  ${task.name}: ${file}`, ...failures].join('\n  ')
  }
  const judged = results.map((result) =>
    failedAgain.has(result.name) ? result : { ...result, passed: result.passed + result.failed, failed: 0 }
  )
  return { results: judged, exitCode: failedAgain.size === 0 ? 0 : exitCode, notes }
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
