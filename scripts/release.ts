import { writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { prepareRelease, releaseNotes, releaseProblems } from '../infra/src/release/versions.ts'

// `node scripts/run.mjs release prepare 1.2.3`: gives everything that version, to be committed and tagged v1.2.3.
// `node scripts/run.mjs release check 1.2.3 [--notes <file>]`: whether this clone is that version, and its notes.

const ROOT = dirname(import.meta.dirname)
const USAGE = 'usage: node scripts/run.mjs release prepare|check <version> [--notes <file>]'

const { positionals, values } = parseArgs({ allowPositionals: true, options: { notes: { type: 'string' } } })
const [action, version = '', ...rest] = positionals

function fail(lines: readonly string[]): never {
  for (const line of lines) process.stderr.write(`${line}\n`)
  process.exit(1)
}

if ((action !== 'prepare' && action !== 'check') || version === '' || rest.length > 0) fail([USAGE])
try {
  if (action === 'prepare') prepareRelease(ROOT, version, new Date().toISOString().slice(0, 10))
  const problems = releaseProblems(ROOT, version)
  if (problems.length > 0) fail(problems)
  if (values.notes !== undefined) writeFileSync(values.notes, `${releaseNotes(ROOT, version)}\n`)
  const next = action === 'prepare' ? `; next: git commit, git tag v${version}` : ''
  process.stdout.write(`Everything has the version ${version}${next}\n`)
} catch (error) {
  fail([(error as Error).message])
}
