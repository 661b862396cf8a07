import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { METRICS } from '../src/index.ts'
import { metricsPage } from './fixtures/docs-page.ts'

const PAGE = new URL('../../../docs/metrics.md', import.meta.url)

t.test('docs/metrics.md is the catalogue', (t) => {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, metricsPage())
  t.equal(readFileSync(PAGE, 'utf8'), metricsPage(), 'UPDATE_DOCS=1 with this test writes it anew')
  const rows = metricsPage().match(/^\| `\w+` \| (?:counter|gauge|histogram) \|/gm)
  t.equal(rows?.length, Object.keys(METRICS).length, 'with one row for each metric')
  t.end()
})
