import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ENTRIES, REPOSITORY_ROOT, runCli, SOURCE_FLAGS } from '@semibot/stack'
import { bareEnvironment, missingPrometheus } from '@semibot/stack/test'
import t from 'tap'

/** Longer than the sightings of any scenario may take together. */
const LIMIT_MS = 8 * 60_000

interface Report {
  passed: boolean
  findings: string[]
  notWatched: string[]
  phases: { seen: { view: string; what: string; afterMs: number | null }[] }[]
}

async function drill(name: string): Promise<{ report: Report; said: string }> {
  const words = [...SOURCE_FLAGS, ENTRIES.cli, '--json', 'drill', name, '--fast']
  const options = { cwd: REPOSITORY_ROOT, env: bareEnvironment(), timeout: LIMIT_MS, maxBuffer: 16 * 1024 * 1024 }
  // A drill that finds something ends with 1, and prints its report all the same.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words, options).catch((error) => error)
  if (!stdout) throw new Error(`the drill ${name} printed no report:\n${stderr}`)
  return { report: JSON.parse(stdout) as Report, said: stderr }
}

const help = await runCli(['drill', '--help'], bareEnvironment())
const [, list = ''] = help.split('Scenarios:')
const names = [...list.matchAll(/^ {2}(?<name>[a-z]+-?[a-z]*) {2,}\S/gm)].map(({ groups }) => groups?.name ?? '')
const scenarios = names.filter((name) => name !== 'all')

t.setTimeout(6 * LIMIT_MS)
// They mostly wait: two at a time take half as long.
t.jobs = 2

t.test('the help lists the six scenarios', async (t) => {
  t.strictSame(scenarios, ['runtime-down', 'error-rate', 'latency', 'flapping', 'redis-down', 'postgres-down'])
})

for (const name of scenarios) {
  t.test(
    `drill ${name}: everything that an operator should see is seen in time`,
    { skip: missingPrometheus(), buffered: true },
    async (t) => {
      const { report, said } = await drill(name)
      if (!report.passed) t.comment(said)
      t.strictSame(report.findings, [])
      t.strictSame(report.notWatched, [])
      const views = new Set(report.phases.flatMap(({ seen }) => seen.map(({ view }) => view)))
      for (const view of ['chats', 'log', 'endpoint']) t.ok(views.has(view), `it looks at ${view}`)
      t.equal(views.has('alert'), name !== 'redis-down', 'nobody is woken for Redis')
      t.ok(report.passed)
    }
  )
}
