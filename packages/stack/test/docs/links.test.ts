import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { REPOSITORY_ROOT } from '../../src/paths.ts'
import { anchors, codeSpans, linkTargets } from './fixtures/markdown.ts'

// What npm start or an operator makes, so that no clone has it from the beginning.
const MADE_LATER = /^(?:\.semibot\/|processes\.json$|secrets\.json$)/

const FILE = /^[\w.@*-]+(?:\/[\w.@*-]+)*\.(?:ts|mjs|js|md|json|yaml|yml|html|sh|example|taprc)$/
const FOLDER = /^[\w.@*-]+(?:\/[\w.@*-]+)*\/$/
const IN_A_TOP_FOLDER = /^(?:apps|packages|docs|bench|scripts|\.ci|\.github)\/[\w.@*/-]+$/

const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', '*.md']
const pages = execFileSync('git', words, { cwd: REPOSITORY_ROOT, encoding: 'utf8' }).split('\0').filter(Boolean)

const read = (path: string): string => readFileSync(join(REPOSITORY_ROOT, path), 'utf8')

function missingLinks(page: string): string[] {
  return linkTargets(read(page)).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(REPOSITORY_ROOT, file))) return true
    return anchor !== undefined && !anchors(read(file)).has(anchor)
  })
}

/** A path may be given from the clone, from the page, from the `src` beside it, or from one that the page names. */
function missingPaths(page: string): string[] {
  const spans = codeSpans(read(page))
  const bases = ['', dirname(page), join(dirname(page), 'src'), ...spans.filter((span) => span.endsWith('/src/'))]
  const isPath = (span: string): boolean => FILE.test(span) || FOLDER.test(span) || IN_A_TOP_FOLDER.test(span)
  return spans.filter(
    (span) =>
      isPath(span) &&
      !span.includes('NNNN') &&
      !MADE_LATER.test(span) &&
      !bases.some((base) => globSync(join(base, span), { cwd: REPOSITORY_ROOT }).length > 0)
  )
}

t.test('the pages that a newcomer is sent to are there', async (t) => {
  for (const page of ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/architecture.md']) {
    t.ok(pages.includes(page), page)
  }
})

for (const page of pages) {
  t.test(`every relative link and every path of ${page} leads somewhere`, async (t) => {
    t.strictSame(missingLinks(page), [], 'links')
    t.strictSame(missingPaths(page), [], 'paths')
  })
}

t.test('each app and each package has a README', async (t) => {
  const manifests = globSync(['apps/*/package.json', 'packages/*/package.json'], { cwd: REPOSITORY_ROOT })
  t.ok(manifests.length > 10)
  for (const manifest of manifests) t.ok(pages.includes(`${dirname(manifest)}/README.md`), dirname(manifest))
})
