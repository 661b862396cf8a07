/** What one package's tests came to. Numbers are assertions, not test blocks. */
export interface PackageResult {
  name: string
  passed: number
  failed: number
  /** Why something counts as failed although no assertion failed, one line each. */
  problems: string[]
}

/** What a whole run came to. */
export interface RunSummary {
  passed: number
  failed: number
  /** What failed, or should be looked at: to be said once more at the end, since what is above is long. */
  notes: string[]
}

export interface Judgement {
  /** Name of the package. */
  name: string
  /** Text of its `.tap/run.tap`; undefined when the file is missing. */
  tap: string | undefined
  /** Of the package's test script. */
  exitCode: number
  /** Reasons for which a test may be skipped on this machine. */
  allowedSkips: readonly string[]
}

const SUMMARY = /^# \{ total: (?<total>\d+)(?<rest>(?:, [a-z]+: \d+)*) \}$/gm
const DIRECTIVE = /^ *(?:not )?ok \d+(?: - (?<name>.*?))? # (?<kind>SKIP|TODO)(?: (?<reason>.*))?$/gim

/**
 * Judges the TAP that one package wrote. Beside failed assertions these count as one failure each: no file, a file
 * without a summary or without any assertion, every skip whose reason is not allowed (a test file without assertions
 * passes as a skip), every todo, and a run that failed although nothing else did (a killed file, a coverage floor).
 */
export function judgePackage({ name, tap, exitCode, allowedSkips }: Judgement): PackageResult {
  if (tap === undefined)
    return { name, passed: 0, failed: 1, problems: ['it left no results: its tests did not run to the end'] }
  const summary = [...tap.matchAll(SUMMARY)].at(-1)
  if (!summary) return { name, passed: 0, failed: 1, problems: ['its results have no summary: the run was cut off'] }
  const count = (key: string): number =>
    Number(new RegExp(`, ${key}: (\\d+)`).exec(summary.groups?.rest ?? '')?.[1] ?? 0)
  const problems: string[] = []
  for (const { groups } of tap.matchAll(DIRECTIVE)) {
    const { name: test = '', kind = '', reason = '' } = groups ?? {}
    if (kind.toUpperCase() === 'SKIP' && allowedSkips.includes(reason.trim())) continue
    problems.push(`"${test}" is marked ${kind.toUpperCase()}${reason === '' ? '' : ` (${reason.trim()})`}`)
  }
  const passed = count('pass')
  const failedAssertions = count('fail')
  if (passed + failedAssertions === 0) problems.push('it has no assertion at all')
  if (exitCode !== 0 && failedAssertions + problems.length === 0) {
    problems.push('no assertion failed, but a test file was killed or the coverage is below its floor')
  }
  return { name, passed, failed: failedAssertions + problems.length, problems }
}

/** The sum over all packages; a run that failed without any counted failure counts as one. */
export function sumResults(results: readonly PackageResult[], exitCode: number): { passed: number; failed: number } {
  const passed = results.reduce((sum, result) => sum + result.passed, 0)
  const failed = results.reduce((sum, result) => sum + result.failed, 0)
  return { passed, failed: exitCode !== 0 && failed === 0 ? 1 : failed }
}
