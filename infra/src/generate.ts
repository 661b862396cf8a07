import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePrometheusRule } from './k8s/prometheus-rule.ts'
import { GENERATED_RULES, ruleFileText } from './prometheus/rule-files.ts'

// Writes the generated rule files. RUNBOOK_BASE_URL is what their links begin with: a page of your own repository, for
// example; without it they are paths in this one. With a folder as argument the files go there;
// else the PrometheusRule for Kubernetes is made from them, too.

const folder = process.argv[2] ?? join(import.meta.dirname, '../prometheus/rules')
const base = (process.env.RUNBOOK_BASE_URL ?? '').replace(/\/+$/, '')
for (const file of GENERATED_RULES) {
  const path = join(folder, `${file.name}.yml`)
  writeFileSync(path, ruleFileText(file, base))
  process.stdout.write(`${path}\n`)
}
if (process.argv[2] === undefined) process.stdout.write(`${writePrometheusRule()}\n`)
