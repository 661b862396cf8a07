// npm run bench -- [--quick] [--json FILE]
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measure } from './measure.ts'
import { printTable } from './print-table.ts'
import { pin } from './run-load.ts'
import { startSystems } from './systems.ts'

const USAGE = `The api against a bare relay ("pipe"), side by side in one run.

  npm run bench                 about five minutes: five rounds of everything
  npm run bench -- --quick      about a minute: one round, 100 and 500 streams
  npm run bench -- --json FILE  also writes the figures as JSON

Exits with 1 when a round lost chunks or had errors.`

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
if (process.platform !== 'linux') {
  console.error('The bench reads CPU time from /proc and so runs on Linux only.')
  process.exit(1)
}

const report = (text: string) => console.error(`bench: ${text}`)
// Upstream, load and Postgres share the first core: what this process starts inherits it.
const pinned = cpus().length > 1 && pin(process.pid, 0)
const systems = await startSystems(report)
process.once('SIGINT', () => void systems.stop().then(() => process.exit(130)))
let ok = false
try {
  const apart = pinned && [systems.pipe, systems.api].every(({ pid }) => pin(pid, 1))
  report(
    apart
      ? 'systems under test on core 1, everything else on core 0'
      : 'not pinned: taskset is not installed, or there is one core'
  )
  const figures = await measure(systems, { rounds: values.quick ? 1 : 5, quick: values.quick === true }, report)
  printTable(figures)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`)
  ok = figures.every((figure) => figure.errors === 0)
  if (!ok) report('there were errors: the figures are not to be trusted')
} finally {
  await systems.stop()
}
process.exit(ok ? 0 : 1)
