import { runTestFile } from './run-test-file.ts'
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
  const { tap, exitCode } = await runTestFile({ cwd: folder, file, env, limitMs: LIMIT_MS, signal })
  const { failed, problems } = judgePackage({ name: file, tap, exitCode, allowedSkips })
  return failed === 0 ? [] : [...describeFailures(tap), ...problems]
}
