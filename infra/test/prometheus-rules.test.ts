import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALERT_LEVELS, LATENCY_BUCKETS_MS, OBJECTIVES, PANEL_LEVELS, SCALE_OUT_LEVELS } from '@semibot/metrics'
import { findPromtool, REPOSITORY_ROOT, ruleFiles } from '@semibot/stack'
import { missingPrometheus } from '@semibot/stack/test'
import t from 'tap'
import { GENERATED_RULES, ruleFileText } from '../src/prometheus/rule-files.ts'
import { alertsOf, CASE_FILES, promtool, writeCases } from './prometheus/run-promtool.ts'

// promtool works through hours and days of samples.
t.setTimeout(240_000)

const skip = missingPrometheus()
const read = (path: string): string => readFileSync(path, 'utf8')
const alerts = alertsOf(ruleFiles().map(read))

t.test('the generated rule files are what their sources say', async (t) => {
  const folder = join(REPOSITORY_ROOT, 'infra/prometheus/rules')
  for (const file of GENERATED_RULES) t.equal(read(join(folder, `${file.name}.yml`)), ruleFileText(file), file.name)
  const names = ['operations-document', ...GENERATED_RULES.map(({ name }) => name)]
  t.strictSame(new Set(readdirSync(folder)), new Set(names.map((name) => `${name}.yml`)))
})

t.test('links to the runbook begin with the base that is given', async (t) => {
  const folder = t.testdir()
  const script = join(REPOSITORY_ROOT, 'infra/src/generate.ts')
  const env = { ...process.env, RUNBOOK_BASE_URL: 'https://git.example/semibot/blob/main/' }
  execFileSync(process.execPath, ['--conditions=@semibot/source', script, folder], { env })
  t.equal(readdirSync(folder).length, GENERATED_RULES.length)
  const link = 'runbook_url: https://git.example/semibot/blob/main/docs/runbooks/RuntimeProbeFailing.md\n'
  t.match(read(join(folder, 'alerts.yml')), link)
})

t.test('the four alerts of the operations document are there byte for byte', async (t) => {
  const document = read(join(REPOSITORY_ROOT, 'docs/runtime-observability.md'))
  const ours = read(join(REPOSITORY_ROOT, 'infra/prometheus/rules/operations-document.yml'))
  const names = ['RuntimeServiceDown', 'HighErrorRate', 'HighLatency', 'AutoFallbackTriggered']
  for (const name of names) {
    const [, block = ''] = new RegExp(`\`\`\`yaml\n(alert: ${name}\n[^\`]*)\`\`\``).exec(document) ?? []
    t.match(block, /^alert: /, `${name} is in the document`)
    const placed = block.replace(/^(?=.)/gm, '        ').replace('        alert', '      - alert')
    t.ok(ours.includes(placed), name)
  }
  t.equal(ours.match(/- alert: /g)?.length, names.length)
})

t.test('the levels of the document are those that everything else is made from', async (t) => {
  const expression = (name: string): string => alerts.get(name)?.expr ?? ''
  t.match(expression('HighErrorRate'), new RegExp(`> ${ALERT_LEVELS.runtimeErrorRate}\\s*$`))
  t.match(expression('HighLatency'), new RegExp(`> ${ALERT_LEVELS.runtimeP95Ms}\\s*$`))
  const edges: readonly number[] = LATENCY_BUCKETS_MS
  for (const level of [OBJECTIVES.latencyMs, SCALE_OUT_LEVELS.p95Ms, ...Object.values(PANEL_LEVELS.latencyMs)]) {
    t.ok(edges.includes(level), `${level} ms is an edge of the buckets`)
  }
})

t.test('promtool accepts the rules and the configurations', { skip }, async (t) => {
  const program = (await findPromtool()) as string
  t.match(await promtool(program, ['check', 'rules', ...ruleFiles()]), { code: 0, output: /rules found/ })
  for (const config of ['prometheus.yml', 'prometheus.compose.yml']) {
    const path = join(REPOSITORY_ROOT, 'infra/prometheus', config)
    const options = config.includes('compose') ? ['--syntax-only'] : []
    t.match(await promtool(program, ['check', 'config', ...options, path]), { code: 0 }, config)
  }
})

t.test('every alert is seen to fire, to stay silent just below, and to end', async (t) => {
  const looks = CASE_FILES.flatMap((file) => file.cases.flatMap(({ looks }) => looks))
  for (const alert of alerts.keys()) {
    for (const kind of ['fires', 'below', 'over'] as const) {
      t.ok(
        looks.some((look) => look.kind === kind && look.alert === alert),
        `${alert}: ${kind}`
      )
    }
  }
})

for (const file of CASE_FILES) {
  t.test(`promtool runs the cases of ${file.name}: ${file.cases.length}`, { skip }, async (t) => {
    const path = writeCases(t.testdir(), file, ruleFiles(), alerts)
    const { code, output } = await promtool((await findPromtool()) as string, ['test', 'rules', path])
    t.equal(code, 0, output)
    t.match(output, 'SUCCESS')
  })
}
