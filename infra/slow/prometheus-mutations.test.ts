import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { findPromtool, ruleFiles } from '@semibot/stack'
import { missingPrometheus } from '@semibot/stack/test'
import t from 'tap'
import { EQUIVALENTS, MUTATIONS, type Mutation } from '../test/prometheus/mutations.ts'
import { alertsOf, CASE_FILES, promtool, writeCases } from '../test/prometheus/run-promtool.ts'

// Rules are broken one at a time: the unit tests of infra/test/prometheus must notice each breakage.

t.setTimeout(600_000)

const skip = missingPrometheus()
const texts = new Map(ruleFiles().map((path) => [basename(path, '.yml'), readFileSync(path, 'utf8')]))
const alerts = alertsOf([...texts.values()])

interface Verdict {
  noticed: boolean
  output: string
}

/** Runs the cases that are to notice it against a copy of the rules with the breakage in it. */
async function tryOut(program: string, { file, from, to, noticedBy }: Mutation): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'semibot-mutation-'))
  try {
    const paths = [...texts].map(([name, text]) => {
      const path = join(folder, `${name}.yml`)
      writeFileSync(path, name === file ? text.replaceAll(from, to) : text)
      return path
    })
    // Otherwise a rule that cannot even be read would count as noticed.
    const check = await promtool(program, ['check', 'rules', ...paths])
    if (check.code !== 0) throw new Error(`the broken rules are no rules: ${check.output}`)
    const chosen = CASE_FILES.filter(({ name }) => noticedBy.includes(name))
    if (chosen.length !== noticedBy.length) throw new Error(`there are no such cases: ${noticedBy}`)
    // What is expected comes from the rules as they are.
    const tests = chosen.map((cases) => writeCases(folder, cases, paths, alerts))
    const { code, output } = await promtool(program, ['test', 'rules', ...tests])
    return { noticed: code !== 0 && /^ +exp:/m.test(output), output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

t.test('each breakage is one: the text that it changes is there', async (t) => {
  t.ok(MUTATIONS.length >= 20)
  for (const { name, file, from, to } of [...MUTATIONS, ...EQUIVALENTS]) {
    t.ok(texts.get(file)?.includes(from), name)
    t.not(from, to)
  }
})

for (const mutation of MUTATIONS) {
  t.test(`noticed: ${mutation.name}`, { skip }, async (t) => {
    const { noticed, output } = await tryOut((await findPromtool()) as string, mutation)
    t.ok(noticed, output.slice(0, 2000))
  })
}

for (const equivalent of EQUIVALENTS) {
  t.test(`changes nothing: ${equivalent.name}, because ${equivalent.because}`, { skip }, async (t) => {
    const { noticed, output } = await tryOut((await findPromtool()) as string, equivalent)
    t.notOk(noticed, output.slice(0, 2000))
  })
}
