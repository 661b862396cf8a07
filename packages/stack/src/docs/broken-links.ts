import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { anchors, codeSpans, linkTargets } from './markdown.ts'

/** What npm start, a test run or an operator makes, so that no clone has it from the beginning. */
const MADE_LATER = /^(?:\.semibot\/|infra\/\.tap\/|infra\/\.env$|processes\.json$|secrets\.json$)/

const FILE = /^[\w.@*-]+(?:\/[\w.@*-]+)*\.(?:ts|mjs|cjs|js|md|json|yaml|yml|html|sh|example|taprc|service|tmpl)$/
const FOLDER = /^[\w.@*-]+(?:\/[\w.@*-]+)*\/$/
const IN_A_TOP_FOLDER = /^(?:apps|packages|docs|bench|infra|dashboards|scripts|\.ci|\.github)\/[\w.@*/-]+$/

/**
 * What the Markdown pages of a clone name and does not exist, as `page: what`: relative links and their anchors, and paths
 * between backticks. A path may be given from the clone, from the page, from the `src` beside it, or from a folder that the
 * page names, alone or as part of another path.
 */
export function brokenLinks(root: string): string[] {
  return markdownPages(root).flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8')
    return [
      ...missingLinks(root, page, text).map((target) => `${page}: the link ${target} leads nowhere`),
      ...missingPaths(root, page, text).map((path) => `${page}: there is no ${path}`)
    ]
  })
}

/** The Markdown pages that git knows or would add, relative to the clone. */
export function markdownPages(root: string): string[] {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', '*.md']
  const pages = execFileSync('git', words, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
  // One that is in the index may have been deleted.
  return pages.filter((page) => existsSync(join(root, page)))
}

function missingLinks(root: string, page: string, text: string): string[] {
  return linkTargets(text).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [path = '', anchor] = target.split('#')
    const file = join(root, path === '' ? page : join(dirname(page), path))
    if (!existsSync(file)) return true
    return anchor !== undefined && !anchors(readFileSync(file, 'utf8')).has(anchor)
  })
}

function missingPaths(root: string, page: string, text: string): string[] {
  const spans = codeSpans(text)
  const bases = ['', dirname(page), join(dirname(page), 'src'), ...namedFolders(spans)]
  const isPath = (span: string): boolean => FILE.test(span) || FOLDER.test(span) || IN_A_TOP_FOLDER.test(span)
  return spans.filter(
    (span) =>
      isPath(span) &&
      !span.includes('NNNN') &&
      !MADE_LATER.test(span) &&
      !bases.some((base) => globSync(join(base, span), { cwd: root }).length > 0)
  )
}

function namedFolders(spans: readonly string[]): string[] {
  const paths = spans.filter((span) => span.includes('/') && !/[\s*]/.test(span))
  return [...new Set(paths.flatMap((path) => [path, dirname(path)]))]
}
