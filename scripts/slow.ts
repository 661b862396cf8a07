import { runSlowSuites } from './slow-suites.ts'
import { stopSignal } from './stop-signal.ts'

// `node scripts/run.mjs slow [name...]`: the suites that are too slow for npm test. The last line is the sum.

const say = (text: string): void => void process.stdout.write(`${text}\n`)
let total = { passed: 0, failed: 1 }
try {
  total = await runSlowSuites({ names: process.argv.slice(2), say, signal: stopSignal() })
} catch (error) {
  say((error as Error).message)
}
say(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
