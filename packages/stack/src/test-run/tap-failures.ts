const LINE =
  /^(?<indent>(?: {4})*)(?:(?<result>ok|not ok) \d+(?: - (?<name>.*?))?(?<directive> # (?:SKIP|TODO).*)?(?: # time=.*)?|# Subtest: (?<subtest>.*))$/
const MAX_DETAIL_LINES = 30
const MAX_FAILURES = 50

/**
 * The assertions and files that failed, each as its path of test names and the diagnostics that TAP gives, at most 50.
 * A test that failed only because something inside it did is left out.
 */
export function describeFailures(tap: string): string[] {
  const lines = tap.split('\n')
  const path: string[] = []
  const failedInside: boolean[] = []
  const failures: string[] = []
  for (const [index, line] of lines.entries()) {
    const { indent, result, name = '', directive, subtest } = LINE.exec(line)?.groups ?? {}
    if (indent === undefined) continue
    const depth = indent.length / 4
    if (subtest !== undefined) {
      path.length = depth
      path[depth] = subtest
      continue
    }
    const inside = failedInside[depth + 1] ?? false
    failedInside.length = depth + 1
    if (result === 'ok' || directive) continue
    failedInside[depth] = true
    if (inside) continue
    const names = [...path.slice(0, depth), name].filter(Boolean)
    failures.push([names.join(' > '), ...details(lines, index + 1)].join('\n'))
  }
  return failures.slice(0, MAX_FAILURES)
}

function details(lines: readonly string[], start: number): string[] {
  if (!lines[start]?.trim().startsWith('---')) return []
  const end = lines.findIndex((line, index) => index > start && line.trim() === '...')
  const block = lines.slice(start + 1, end === -1 ? start + MAX_DETAIL_LINES : end)
  const indent = /^ */.exec(block[0] ?? '')?.[0].length ?? 0
  const shown = block.slice(0, MAX_DETAIL_LINES).map((line) => `    ${line.slice(indent)}`)
  return block.length > MAX_DETAIL_LINES ? [...shown, '    ...'] : shown
}
