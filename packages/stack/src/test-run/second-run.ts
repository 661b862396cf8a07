import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SOURCE_FLAGS } from '../paths.ts'
import { describeFailures } from './tap-failures.ts'
import { judgePackage } from './tap-results.ts'

/** More failed files than this are no coincidence: then none of them is run again. */
export const MAX_SECOND_RUNS = 3
/** Longer than any file may take in its first run. */
const LIMIT_MS = 300_000

const FILE = /^not ok \d+ - (?<file>\S+\.test\.ts)(?: # time=.*)?$/gm

/** The test files that failed, as TAP names them at its outermost level. */
export function failedFiles(tap: string): string[] {
  return [...tap.matchAll(FILE)].map(({ groups }) => groups?.file ?? '')
}

/** What a test runner tells its files would have this one write its results otherwise. */
function withoutTap(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith('TAP')))
}

export interface SecondRun {
  folder: string
  /** Relative to the folder. */
  file: string
  env: Record<string, string | undefined>
  signal: AbortSignal
  /** Reasons for which a test may be skipped on this machine. */
  allowedSkips: readonly string[]
}

/**
 * Runs one test file by itself, with nothing beside it that could take its time away. Resolves with what failed again:
 * nothing when it passes now.
 */
export async function runAgain({ folder, file, env, signal, allowedSkips }: SecondRun): Promise<string[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)])
  const child = spawn('node', [...SOURCE_FLAGS, file], {
    cwd: folder,
    env: { ...withoutTap(process.env), ...env, TAP_TIMEOUT: String(LIMIT_MS / 1000) },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const stop = (): void => void child.kill('SIGTERM')
  limit.addEventListener('abort', stop, { once: true })
  const [tap, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>])
  limit.removeEventListener('abort', stop)
  const { failed, problems } = judgePackage({ name: file, tap, exitCode: code ?? 1, allowedSkips })
  return failed === 0 ? [] : [...describeFailures(tap), ...problems]
}
