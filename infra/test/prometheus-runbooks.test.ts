import { readFileSync } from 'node:fs'
import { ruleFiles } from '@semibot/stack'
import t from 'tap'
import { alertsOf } from './prometheus/run-promtool.ts'
import { runbookBlocks, runbookIndex, runbookPages } from './prometheus/runbook-pages.ts'

const alerts = alertsOf(ruleFiles().map((path) => readFileSync(path, 'utf8')))
const pages = runbookPages()

t.test('every alert has a page, and every page an alert', async (t) => {
  t.strictSame(new Set(pages.map(({ alert }) => alert)), new Set(alerts.keys()))
  const rows = [...runbookIndex().matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \| (.+) \|$/gm)]
  t.strictSame(new Set(rows.map(([, name]) => name)), new Set(alerts.keys()))
  for (const [, name = '', file, severity, sentence] of rows) {
    t.equal(file, name)
    t.equal(severity, alerts.get(name)?.labels.severity, name)
    const english = alerts.get(name)?.annotations.summary_en
    if (english !== undefined) t.equal(sentence, english, name)
  }
})

t.test('the alerts lead to their pages', async (t) => {
  for (const [name, { annotations }] of alerts) {
    // Those of the operations document stay as they are; Alertmanager's messages add the page.
    if (!('summary_en' in annotations)) continue
    t.equal(annotations.runbook_url, `docs/runbooks/${name}.md`)
  }
})

t.test(
  'every page says what it means, whom it hurts, how to look closer and what to do, in both languages',
  async (t) => {
    for (const { alert, text, sections } of pages) {
      t.ok(text.startsWith(`# ${alert}\n`), alert)
      t.strictSame(sections, ['Meaning', 'Impact', 'Diagnosis', 'Mitigation', '中文'], alert)
      const rule = alerts.get(alert)
      t.match(text, `\nSeverity: ${rule?.labels.severity}. Fires after: ${rule?.for}.\n`, alert)
      const parts = text.split(/^## .+$/m).slice(1)
      for (const part of parts) t.ok(part.trim().length > 15, `${alert}: nothing is left empty`)
      const chinese = parts.at(-1) ?? ''
      for (const word of ['含义', '影响', '诊断', '处理']) t.match(chinese, `**${word}**：`, alert)
      t.match(parts[2], /```(bash|promql)\n/, `${alert}: something to look at`)
    }
  }
)

t.test('blocks are of a kind that is run against a real system', async (t) => {
  const blocks = runbookBlocks()
  t.ok(blocks.length > 25)
  for (const { language, pages } of blocks) t.ok(['bash', 'promql'].includes(language), `${pages}: ${language}`)
})
