import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GENERATED_RULES, ruleFileText } from './prometheus/rule-files.ts'

// Writes the generated rule files. RUNBOOK_BASE_URL is what their links begin with: a page of your own repository, for
// example; without it they are paths in this one. With a folder as argument the files go there.

const folder = process.argv[2] ?? join(import.meta.dirname, '../prometheus/rules')
const base = (process.env.RUNBOOK_BASE_URL ?? '').replace(/\/+$/, '')
for (const file of GENERATED_RULES) {
  const path = join(folder, `${file.name}.yml`)
  writeFileSync(path, ruleFileText(file, base))
  process.stdout.write(`${path}\n`)
}
