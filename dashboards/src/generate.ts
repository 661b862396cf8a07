import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildDashboards } from './dashboards.ts'

// Writes the dashboards for Grafana. RUNBOOK_BASE_URL is what their links begin with; with a folder as argument the
// files go there.

const folder = process.argv[2] ?? join(import.meta.dirname, '../grafana')
const base = (process.env.RUNBOOK_BASE_URL ?? '').replace(/\/+$/, '')
mkdirSync(folder, { recursive: true })
for (const [name, dashboard] of Object.entries(buildDashboards(base))) {
  const path = join(folder, `${name}.json`)
  writeFileSync(path, `${JSON.stringify(dashboard, undefined, 2)}\n`)
  process.stdout.write(`${path}\n`)
}
