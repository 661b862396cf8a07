import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { ERROR_PAGES, runbookTable } from './fixtures/error-pages.ts'

// UPDATE_DOCS=1 writes the pages anew, and the tables between the marks of the runbook.

const MARKS = /(?<=<!-- error codes -->\n\n)[\s\S]*?(?=\n\n<!-- end of error codes -->)/

const fileOf = (path: string): URL => new URL(`../../../${path}`, import.meta.url)
const read = (path: string): string => readFileSync(fileOf(path), 'utf8')
const updates = process.env.UPDATE_DOCS === '1'

for (const [path, page] of Object.entries(ERROR_PAGES)) {
  t.test(`${path} is what the table of error codes says`, async (t) => {
    if (updates) writeFileSync(fileOf(path), page)
    t.equal(read(path), page)
  })
}

for (const [path, language] of [
  ['docs/runtime-observability.md', 'zh'],
  ['docs/runtime-observability.en.md', 'en']
] as const) {
  t.test(`the error codes of ${path} are those of the table`, async (t) => {
    const text = read(path)
    if (updates) writeFileSync(fileOf(path), text.replace(MARKS, runbookTable(language)))
    t.equal(MARKS.exec(read(path))?.[0], runbookTable(language))
  })
}
