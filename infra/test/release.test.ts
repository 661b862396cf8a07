import { cpSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REPOSITORY_ROOT } from '@semibot/stack'
import t from 'tap'
import { changelogSection } from '../src/release/changelog.ts'
import { prepareRelease, releaseNotes, releaseProblems } from '../src/release/versions.ts'

const CHANGELOG = '# Changelog\n\n## Unreleased\n\nA new thing.\n\n## 0.1.0 - 2026-01-02\n\nThe first.\n'

/** What a release looks at, and nothing else of the clone. */
function copyClone(folder: string): string {
  const files = globSync(
    ['{.,apps/*,packages/*,bench,dashboards,infra}/package.json', 'infra/k8s/**/*.yaml', 'CHANGELOG.md'],
    {
      cwd: REPOSITORY_ROOT
    }
  )
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(join(REPOSITORY_ROOT, file), join(folder, file))
  }
  return folder
}

t.test('a release gives everything one version, and its notes', async (t) => {
  const clone = copyClone(t.testdir())
  const unreleased = changelogSection(readFileSync(join(clone, 'CHANGELOG.md'), 'utf8'), 'Unreleased')
  t.ok(releaseProblems(clone, '7.8.9').length > 10, 'before, nothing has that version')
  prepareRelease(clone, '7.8.9', '2026-03-04')
  t.strictSame(releaseProblems(clone, '7.8.9'), [])
  t.equal(releaseNotes(clone, '7.8.9'), unreleased, 'the notes are what was unreleased')
  t.match(readFileSync(join(clone, 'CHANGELOG.md'), 'utf8'), /^## 7\.8\.9 - 2026-03-04$/m)
  t.throws(() => prepareRelease(clone, '7.9.0', '2026-03-05'), /Unreleased of CHANGELOG.md is empty/)
})

t.test('sections of the changelog', async (t) => {
  t.equal(changelogSection(CHANGELOG, 'Unreleased'), 'A new thing.')
  t.equal(changelogSection(CHANGELOG, '0.1.0'), 'The first.')
  t.throws(() => changelogSection(CHANGELOG, '0.1'), /no section "## 0.1 - <date>"/)
})

t.test('what is no version is refused', async (t) => {
  for (const version of ['1.2', 'v1.2.3', '1.2.3 ', '1.2.3;x', '']) {
    t.match(releaseProblems(REPOSITORY_ROOT, version), [/is no version/], version)
    t.throws(() => prepareRelease(REPOSITORY_ROOT, version, '2026-01-01'), /is no version/)
  }
})

t.test('the versions of this clone agree with each other', async (t) => {
  const { version } = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as { version: string }
  const problems = releaseProblems(REPOSITORY_ROOT, version).filter((problem) => !problem.startsWith('CHANGELOG.md'))
  t.strictSame(problems, [])
})
