import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { brokenLinks, markdownPages } from '../../src/docs/broken-links.ts'
import { REPOSITORY_ROOT } from '../../src/paths.ts'

// The pages of the repository are checked by `npm run check`; here is what that check finds.

const PAGE = `# A page

[good](../README.md) [anchor](../README.md#there-is-a-title) [itself](#a-page) [far away](https://example.org/none)
[gone](gone.md) [wrong anchor](../README.md#nothing) \`[no link](in-code.md)\`

Paths: \`src/here.ts\`, \`docs/\`, \`packages/none\`, \`docs/gone.json\`, \`NNNN-title.md\`, \`.semibot/logs/\`, \`word\`.

\`\`\`sh
[not](looked-at.md)
\`\`\`
`

t.test('links, anchors and paths that lead nowhere are found, each with its page, and nothing else', async (t) => {
  const root = t.testdir({
    'README.md': '# Readme\n\n## There is: a title\n',
    '.gitignore': 'ignored\n',
    docs: { 'page.md': PAGE, src: { 'here.ts': '' } },
    ignored: { 'page.md': '[gone](gone.md)' }
  })
  execFileSync('git', ['init', '--quiet'], { cwd: root })
  t.strictSame(brokenLinks(root), [
    'docs/page.md: the link gone.md leads nowhere',
    'docs/page.md: the link ../README.md#nothing leads nowhere',
    'docs/page.md: there is no packages/none',
    'docs/page.md: there is no docs/gone.json'
  ])
})

t.test('the pages that a newcomer is sent to are there', async (t) => {
  const pages = markdownPages(REPOSITORY_ROOT)
  for (const page of ['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/architecture.md']) {
    t.ok(pages.includes(page), page)
  }
  const manifests = globSync(['apps/*/package.json', 'packages/*/package.json'], { cwd: REPOSITORY_ROOT })
  t.ok(manifests.length > 10)
  for (const manifest of manifests)
    t.ok(pages.includes(`${dirname(manifest)}/README.md`), `${dirname(manifest)} has one`)
})
