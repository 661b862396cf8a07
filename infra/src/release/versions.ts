import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { changelogSection, releaseChangelog } from './changelog.ts'

const VERSION = /^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/
const MANIFESTS = '{.,apps/*,packages/*,bench,dashboards,infra}/package.json'
const KUSTOMIZATIONS = 'infra/k8s/{migrate,overlays/*}/kustomization.yaml'

/**
 * What forbids releasing a version from this clone, one sentence each: a package or a manifest of Kubernetes with
 * another version, no notes.
 */
export function releaseProblems(root: string, version: string): string[] {
  if (!VERSION.test(version)) return [`"${version}" is no version such as 1.2.3 or 1.2.3-rc.1`]
  const problems: string[] = []
  for (const path of globSync(MANIFESTS, { cwd: root }).sort()) {
    const found = (JSON.parse(readFileSync(join(root, path), 'utf8')) as { version: string }).version
    if (found !== version) problems.push(`${path} has the version ${found}`)
  }
  for (const path of globSync(KUSTOMIZATIONS, { cwd: root }).sort()) {
    for (const [, tag] of readFileSync(join(root, path), 'utf8').matchAll(/^ +newTag: (.+)$/gm)) {
      if (tag !== version) problems.push(`${path} names images of ${tag}`)
    }
  }
  try {
    releaseNotes(root, version)
  } catch (error) {
    problems.push((error as Error).message)
  }
  return problems
}

/** The notes of a version, from CHANGELOG.md. Throws when there are none. */
export function releaseNotes(root: string, version: string): string {
  return changelogSection(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version)
}

/** Gives every package, every manifest of Kubernetes and CHANGELOG.md the version; `date` as 2026-01-31. */
export function prepareRelease(root: string, version: string, date: string): void {
  if (!VERSION.test(version)) throw new Error(`"${version}" is no version such as 1.2.3 or 1.2.3-rc.1`)
  const edit = (path: string, change: (text: string) => string): void => {
    writeFileSync(join(root, path), change(readFileSync(join(root, path), 'utf8')))
  }
  edit('CHANGELOG.md', (text) => releaseChangelog(text, version, date))
  for (const path of globSync(MANIFESTS, { cwd: root })) {
    edit(path, (text) => text.replace(/^( {2}"version": )".*"/m, `$1"${version}"`))
  }
  for (const path of globSync(KUSTOMIZATIONS, { cwd: root })) {
    edit(path, (text) => text.replaceAll(/^( +newTag: ).+$/gm, `$1${version}`))
  }
}
