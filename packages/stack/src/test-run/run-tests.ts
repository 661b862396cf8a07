import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../paths.ts'
import { MISSING_REDIS } from '../test/redis.ts'
import { describeFailures } from './tap-failures.ts'
import { judgePackage, type PackageResult, sumResults } from './tap-results.ts'
import { startTestServices, type TestServices } from './test-services.ts'

/** What the whole run may take on two cores. */
const BUDGET_MINUTES = 8
/** After that something hangs: the run is ended and counts as failed. */
const LIMIT_MS = 20 * 60_000

export interface RunTestsOptions {
  /** Further arguments for turbo, such as `--filter=@semibot/api`. */
  turboArguments: readonly string[]
  say: (text: string) => void
  signal: AbortSignal
}

interface TestTask {
  name: string
  folder: string
}

/**
 * Runs the tests of all packages (or of those that the arguments choose) against one PostgreSQL and one Redis of their
 * own, and resolves with the sum of all assertions. Earlier results are taken from turbo's cache where nothing changed.
 */
export async function runTests(options: RunTestsOptions): Promise<{ passed: number; failed: number }> {
  const { say, turboArguments } = options
  const tasks = findTasks(turboArguments)
  const files = tasks.reduce((sum, task) => sum + countTestFiles(task.folder), 0)
  say(
    `Tests of ${tasks.length} packages (${files} files): at most ${BUDGET_MINUTES} minutes on two cores, less where nothing changed.`
  )
  say(`  ${tasks.map((task) => task.name).join(', ')}`)
  say('Each has its own databases on a PostgreSQL and a Redis that are started for this run.')
  for (const task of tasks) rmSync(resultFile(task), { force: true })

  const services = await startTestServices((text) => say(`  ${text}`), options.signal)
  let exitCode: number
  try {
    exitCode = await runTurbo(options, services)
  } finally {
    await services.stop()
  }
  const allowedSkips = services.hasRedis || process.env.CI === 'true' ? [] : [MISSING_REDIS]
  const results = tasks.map((task) => judgePackage({ name: task.name, tap: readResult(task), allowedSkips }))
  for (const task of tasks) reportFailures(task, say)
  report(results, say)
  const total = sumResults(results, exitCode)
  if (exitCode !== 0 && results.every((result) => result.failed === 0))
    say('No assertion failed, but a test file or a coverage floor did: see above.')
  if (services.hasRedis) return total
  say(
    `${MISSING_REDIS}: what needs it was skipped${process.env.CI === 'true' ? ', which is a failure where CI=true' : ''}.`
  )
  return process.env.CI === 'true' ? { ...total, failed: total.failed + 1 } : total
}

function findTasks(turboArguments: readonly string[]): TestTask[] {
  const words = ['run', 'test', '--dry=json', ...turboArguments]
  const text = execFileSync('turbo', words, { cwd: REPOSITORY_ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const plan = JSON.parse(text) as { tasks: { task: string; package: string; directory: string; command: string }[] }
  return plan.tasks
    .filter((task) => task.task === 'test' && task.command !== '<NONEXISTENT>')
    .map((task) => ({ name: task.package, folder: join(REPOSITORY_ROOT, task.directory) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function countTestFiles(folder: string): number {
  const tests = join(folder, 'test')
  if (!existsSync(tests)) return 0
  return readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts')).length
}

async function runTurbo(options: RunTestsOptions, services: TestServices): Promise<number> {
  const fixed = [
    'run',
    'test',
    '--continue',
    '--ui=stream',
    '--concurrency=2',
    ...(services.foreign ? ['--force'] : [])
  ]
  const turbo = spawn('turbo', [...fixed, ...options.turboArguments], {
    cwd: REPOSITORY_ROOT,
    // What failed is read from the results; a live view of many packages at once cannot be read.
    env: { ...process.env, ...services.env, TAP_REPORTER: 'silent' },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  const limit = AbortSignal.any([options.signal, AbortSignal.timeout(LIMIT_MS)])
  const stop = (): void => void turbo.kill('SIGTERM')
  limit.addEventListener('abort', stop, { once: true })
  const [code] = (await once(turbo, 'exit')) as [number | null]
  if (limit.aborted)
    options.say(
      options.signal.aborted ? 'The run was interrupted.' : `The run was ended after ${LIMIT_MS / 60_000} minutes.`
    )
  return limit.aborted ? 1 : (code ?? 1)
}

function resultFile(task: TestTask): string {
  return join(task.folder, '.tap/run.tap')
}

function readResult(task: TestTask): string | undefined {
  return existsSync(resultFile(task)) ? readFileSync(resultFile(task), 'utf8') : undefined
}

function reportFailures(task: TestTask, say: (text: string) => void): void {
  const failures = describeFailures(readResult(task) ?? '')
  for (const failure of failures) say(`\n${task.name}: ${failure}`)
  if (failures.length > 0) say(`\nAll of it: cd ${task.folder} && pnpm exec tap`)
}

function report(results: readonly PackageResult[], say: (text: string) => void): void {
  say('')
  const width = Math.max(...results.map((result) => result.name.length))
  for (const { name, passed, failed, problems } of results) {
    say(`${name.padEnd(width)}  ${String(passed).padStart(6)} ok${failed === 0 ? '' : `  ${failed} FAILED`}`)
    for (const problem of problems) say(`${' '.repeat(width)}  ${problem}`)
  }
}
