import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../paths.ts'

/** The tests of one package. */
export interface TestTask {
  name: string
  /** Absolute. */
  folder: string
}

interface Summary {
  tasks: {
    task: string
    package: string
    directory: string
    command: string
    execution?: { exitCode?: number | null }
  }[]
}

/** The packages whose tests turbo would run with these arguments, by name. Throws when turbo refuses the arguments. */
export function findTasks(turboArguments: readonly string[]): TestTask[] {
  const words = ['run', 'test', '--dry=json', ...turboArguments]
  const text = execFileSync('turbo', words, { cwd: REPOSITORY_ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  return (JSON.parse(text) as Summary).tasks
    .filter((task) => task.task === 'test' && task.command !== '<NONEXISTENT>')
    .map((task) => ({ name: task.package, folder: join(REPOSITORY_ROOT, task.directory) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Runs the tests through turbo until they end or the signal is aborted. Resolves with turbo's exit code, and with the
 * packages whose run failed, for whatever reason.
 */
export async function runTurbo(
  turboArguments: readonly string[],
  env: Record<string, string | undefined>,
  signal: AbortSignal
): Promise<{ exitCode: number; failed: ReadonlySet<string> }> {
  const started = Date.now()
  const fixed = ['--continue', '--summarize', '--ui=stream', '--output-logs=hash-only', '--concurrency=2']
  const turbo = spawn('turbo', ['run', 'test', ...fixed, ...turboArguments], {
    cwd: REPOSITORY_ROOT,
    // What failed is read from the results: a live view of many packages at once cannot be read.
    env: { ...process.env, ...env, TAP_REPORTER: 'silent' },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  const stop = (): void => void turbo.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  const [code] = (await once(turbo, 'exit')) as [number | null]
  signal.removeEventListener('abort', stop)
  return { exitCode: signal.aborted ? 1 : (code ?? 1), failed: failedPackages(started) }
}

/** From the summary that turbo writes; empty when it did not get that far. */
function failedPackages(since: number): Set<string> {
  const folder = join(REPOSITORY_ROOT, '.turbo/runs')
  const files = list(folder).map((name) => join(folder, name))
  const newest = files.filter((file) => statSync(file).mtimeMs >= since).at(-1)
  if (!newest) return new Set()
  const { tasks } = JSON.parse(readFileSync(newest, 'utf8')) as Summary
  // They are read once and would pile up.
  for (const file of files) rmSync(file)
  return new Set(
    tasks.filter(({ task, execution }) => task === 'test' && execution?.exitCode !== 0).map((task) => task.package)
  )
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
