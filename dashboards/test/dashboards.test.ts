import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { METRICS } from '@semibot/metrics'
import t from 'tap'
import { parse } from 'yaml'
import { buildDashboards } from '../src/dashboards.ts'

/** As much of a panel as is looked at here. */
interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: unknown
  targets?: { refId: string; expr: string; legendFormat: string }[]
  fieldConfig?: {
    defaults: {
      unit?: string
      thresholds?: { steps: { value: number | null; color: string }[] }
      mappings?: unknown
      links?: { title: string; url: string }[]
    }
  }
}

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const dashboards = buildDashboards()
const panelsOf = (name: string): Panel[] =>
  (JSON.parse(JSON.stringify(dashboards[name])) as { panels: Panel[] }).panels.filter(({ type }) => type !== 'row')
const all = Object.keys(dashboards).flatMap(panelsOf)

t.test('the committed files are what the sources say', async (t) => {
  t.strictSame(
    new Set(readdirSync(join(ROOT, 'dashboards/grafana'))),
    new Set(Object.keys(dashboards).map((name) => `${name}.json`))
  )
  for (const [name, dashboard] of Object.entries(dashboards)) {
    t.equal(read(`dashboards/grafana/${name}.json`), `${JSON.stringify(dashboard, undefined, 2)}\n`, name)
  }
})

/** The panels in the YAML blocks of the operations document. */
function documentPanels() {
  const blocks = [...read('docs/runtime-observability.md').matchAll(/```yaml\n([^`]*?\btargets:[^`]*)```/g)]
  const [first = '', ...others] = blocks.map(([, block = '']) => block)
  return (parse([first, ...others].join('')) as { panels: DocumentPanel[] }).panels
}

interface DocumentPanel {
  title: string
  type: string
  targets: { expr: string; legend?: string }[]
  legend?: string[]
  thresholds?: { value: number; color: string }[]
  mappings?: { value: number; text: string; color: string }[]
  alert?: { condition: string; message: string }
}

t.test('the four panels of the operations document come first, in its words', async (t) => {
  const wanted = documentPanels()
  t.equal(wanted.length, 4)
  const ours = panelsOf('semibot-chat').slice(0, 4)
  t.strictSame(
    ours.map(({ title }) => title),
    wanted.map(({ title }) => title)
  )
  for (const [index, panel] of wanted.entries()) {
    const { type, targets = [], fieldConfig } = ours[index] as Panel
    t.equal(type, panel.type === 'stat' ? 'stat' : 'timeseries', panel.title)
    t.equal(targets.length, panel.targets.length)
    for (const [position, { expr, legend }] of panel.targets.entries()) {
      const target = targets[position]
      // What follows the expression only chooses the mode, so that each legend is there once.
      const added = panel.title.includes('P50/P95/P99') ? '\nand on (mode) chat_execution_total{mode="$mode"}' : ''
      t.equal(target?.expr, `${expr}${added}`)
      if (legend !== undefined) t.equal(target?.legendFormat, legend)
      if (panel.legend !== undefined) t.equal(target?.legendFormat, '{{mode}}')
    }
    const steps = fieldConfig?.defaults.thresholds?.steps ?? []
    for (const { value, color } of panel.thresholds ?? []) {
      // The lowest one is the base, which has no value.
      const lowest = value === 0
      t.ok(
        steps.some((step) => step.color === color && step.value === (lowest ? null : value)),
        `${panel.title}: ${value} ${color}`
      )
    }
    if (panel.mappings !== undefined) {
      const texts = panel.mappings.map(({ value, text, color }, position) => [value, { text, color, index: position }])
      t.strictSame(fieldConfig?.defaults.mappings, [{ type: 'value', options: Object.fromEntries(texts) }])
    }
    if (panel.alert !== undefined) {
      const level = Number(/^value > (\d+)$/.exec(panel.alert.condition)?.[1])
      t.ok(
        steps.some((step) => step.value === level && step.color === 'red'),
        'the condition of the alert is drawn'
      )
      t.match(read('infra/prometheus/rules/alerts.yml'), `summary: ${panel.alert.message}\n`)
    }
  }
  const [, latency] = ours
  t.strictSame(
    latency?.fieldConfig?.defaults.thresholds?.steps.map(({ value }) => value),
    [null, 3000, 5000, 10_000]
  )
})

t.test('Grafana can tell everything apart', async (t) => {
  for (const dashboard of Object.values(dashboards)) {
    const ids = dashboard.panels?.map(({ id }) => id) ?? []
    t.ok(ids.length > 20)
    t.equal(new Set(ids).size, ids.length, `ids of ${dashboard.title}`)
    t.ok(ids.every((id) => typeof id === 'number'))
  }
  const uids = Object.values(dashboards).map(({ uid }) => uid)
  t.equal(new Set(uids).size, uids.length)
  for (const { title, targets = [] } of all) {
    t.strictSame(
      targets.map(({ refId }) => refId),
      targets.map((_, index) => 'ABCDEFGH'[index]),
      title
    )
  }
})

t.test('every panel has a unit, the chosen data source, room, and rising thresholds', async (t) => {
  for (const { title, datasource, fieldConfig, gridPos } of all) {
    t.type(fieldConfig?.defaults.unit, 'string', title)
    t.strictSame(datasource, { type: 'prometheus', uid: `\${datasource}` })
    t.ok(gridPos.w > 0 && gridPos.h > 0 && gridPos.x + gridPos.w <= 24)
    const [base, ...steps] = fieldConfig?.defaults.thresholds?.steps ?? []
    if (base === undefined) continue
    t.equal(base.value, null)
    const values = steps.map(({ value }) => value as number)
    t.strictSame(
      values,
      values.toSorted((a, b) => a - b)
    )
  }
  for (const name of Object.keys(dashboards)) {
    const places = panelsOf(name).map(({ gridPos: { x, y } }) => `${x},${y}`)
    t.equal(new Set(places).size, places.length, 'no two panels at one place')
  }
})

t.test('every name in an expression is a metric of the catalogue, of the client, or a recorded one', async (t) => {
  const rules = readdirSync(join(ROOT, 'infra/prometheus/rules')).map((file) => read(`infra/prometheus/rules/${file}`))
  const recorded = rules.flatMap((text) => [...text.matchAll(/record: (\S+)/g)].map(([, name]) => name))
  const histograms = Object.values(METRICS).filter(({ type }) => type === 'histogram')
  const known = new Set([
    ...Object.values(METRICS).map(({ name }) => name),
    ...histograms.flatMap(({ name }) => [`${name}_bucket`, `${name}_count`, `${name}_sum`]),
    ...recorded,
    ...['up', 'ALERTS', 'process_start_time_seconds', 'process_open_fds', 'process_max_fds'],
    ...['nodejs_eventloop_lag_p99_seconds', 'nodejs_heap_size_used_bytes']
  ])
  for (const { title, targets = [] } of all) {
    for (const { expr } of targets) {
      // Names stand before a matcher, a range, or where a vector ends; labels and functions do not.
      const bare = expr
        .replace(/\b(by|on|group_left|group_right) \([^)]*\)/g, '')
        .replace(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, '')
      const words = bare.match(/[a-zA-Z_][\w:]*(?![\w:]*\s*\()/g) ?? []
      const names = words.filter((word) => !['and', 'or', 'unless', 'bool'].includes(word))
      t.ok(names.length > 0, title)
      for (const name of names) t.ok(known.has(name), `${title}: ${name}`)
    }
  }
})

t.test('every metric of the catalogue is on a panel, in an annotation or in a rule', async (t) => {
  const rules = readdirSync(join(ROOT, 'infra/prometheus/rules')).map((file) => read(`infra/prometheus/rules/${file}`))
  const used = [JSON.stringify(dashboards), ...rules].join('\n')
  for (const { name } of Object.values(METRICS)) t.match(used, new RegExp(`\\b${name}(_bucket|_count|_sum)?\\b`), name)
})

t.test('links lead to pages of alerts that exist, below the base that is given', async (t) => {
  const pages = new Set(readdirSync(join(ROOT, 'docs/runbooks')))
  const links = all.flatMap(({ fieldConfig }) => fieldConfig?.defaults.links ?? [])
  t.ok(links.length > 20)
  for (const { title, url } of links) {
    t.equal(url, `\${runbooks}/docs/runbooks/${title}.md`)
    t.ok(pages.has(`${title}.md`), title)
  }

  const folder = t.testdir()
  const script = join(ROOT, 'dashboards/src/generate.ts')
  const env = { ...process.env, RUNBOOK_BASE_URL: 'https://git.example/semibot/blob/main/' }
  execFileSync(process.execPath, ['--conditions=@semibot/source', script, folder], { env })
  const given = readFileSync(join(folder, 'semibot-chat.json'), 'utf8')
  t.match(given, '"query": "https://git.example/semibot/blob/main"')
})
