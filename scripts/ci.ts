import { runTests } from '../packages/stack/src/test-run/run-tests.ts'
import type { RunSummary } from '../packages/stack/src/test-run/tap-results.ts'
import { runChecks } from './checks.ts'
import { runSlowSuites } from './slow-suites.ts'
import { stopSignal } from './stop-signal.ts'

// What .ci/run runs, through run.mjs: the checks, the tests, and what is too slow for npm test, with the
// build of the images last. A check counts as one. The last line is the sum.

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const signal = stopSignal()
const checks = runChecks(say)
let tests: RunSummary = { passed: 0, failed: 1, notes: ['FAILED  npm test'] }
try {
  tests = await runTests({ turboArguments: process.argv.slice(2), say, signal })
} catch (error) {
  say((error as Error).message)
}
let slow: RunSummary = { passed: 0, failed: 1, notes: ['FAILED  slower suites'] }
try {
  // Arguments choose packages: whoever wants some of them does not want everything else as well.
  slow = process.argv.length > 2 ? { passed: 0, failed: 0, notes: [] } : await runSlowSuites({ names: [], say, signal })
} catch (error) {
  say((error as Error).message)
}
const failed = checks.failed + tests.failed + slow.failed
// Once more at the end: what is above is long.
for (const note of [...checks.notes, ...tests.notes, ...slow.notes]) say(note)
say(`${checks.passed + tests.passed + slow.passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
