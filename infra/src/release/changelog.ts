const HEADING = /^## (?<title>.+)$/gm
const UNRELEASED = 'Unreleased'

/** What CHANGELOG.md says about a version (or `Unreleased`), without its heading. Throws when there is nothing. */
export function changelogSection(text: string, version: string): string {
  const headings = [...text.matchAll(HEADING)]
  const index = headings.findIndex(({ groups }) => groups?.title?.split(' ')[0] === version)
  const heading = headings[index]
  if (!heading) throw new Error(`CHANGELOG.md has no section "## ${version} - <date>"`)
  const body = text.slice(heading.index + heading[0].length, headings[index + 1]?.index).trim()
  if (body === '') throw new Error(`the section ${version} of CHANGELOG.md is empty`)
  return body
}

/** Turns what is unreleased into a version of that day, and begins a new empty section. Throws when nothing is there. */
export function releaseChangelog(text: string, version: string, date: string): string {
  changelogSection(text, UNRELEASED)
  if (text.includes(`\n## ${version} `)) throw new Error(`CHANGELOG.md already has a section ${version}`)
  return text.replace(`## ${UNRELEASED}\n`, `## ${UNRELEASED}\n\n## ${version} - ${date}\n`)
}
