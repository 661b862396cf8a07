import { runTests } from '../packages/stack/src/test-run/run-tests.ts'
import { stopSignal } from './stop-signal.ts'

// `npm test`, through run.mjs. The last line is `N passed, N failed`, whatever happened.

const say = (text: string): void => void process.stdout.write(`${text}\n`)
let total = { passed: 0, failed: 1 }
try {
  total = await runTests({ turboArguments: process.argv.slice(2), say, signal: stopSignal() })
} catch (error) {
  say((error as Error).message)
}
say(`${total.passed} passed, ${total.failed} failed`)
// Not exitCode: something that still holds the loop must not change the verdict.
process.exit(total.failed === 0 ? 0 : 1)
