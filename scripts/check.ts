import { runChecks } from './checks.ts'

// `npm run check`, through run.mjs.

const { failed } = runChecks((text) => void process.stdout.write(`${text}\n`))
process.exit(failed === 0 ? 0 : 1)
