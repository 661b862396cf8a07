/** A line that an env file should not have. */
export interface EnvFileProblem {
  readonly line: number
  /** The key, where the line has one. */
  readonly key?: string
  readonly kind: 'syntax' | 'quote' | 'repeated'
  readonly message: string
}

/** What an env file says. */
export interface EnvFile {
  /** Cleaned values by key; a key that is set twice has its last value. */
  readonly values: Readonly<Record<string, string>>
  /** Line of each key, from 1. */
  readonly lines: Readonly<Record<string, number>>
  readonly problems: readonly EnvFileProblem[]
}

const ASSIGNMENT = /^[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.-]*)[^\S\n]*=/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', $: '$', '`': '`' }

/** A quoted text at the start of `text`: its content and the index after the closing quote. */
function readQuoted(text: string): { content: string; end: number } | undefined {
  const quote = text[0]
  if (quote !== '"' && quote !== "'" && quote !== '`') return undefined
  let content = ''
  for (let index = 1; index < text.length; index += 1) {
    const character = text[index]!
    if (character === quote) {
      // In a shell, 'it'\''s' is how a single quote gets into single quotes.
      if (quote === "'" && text.startsWith("'\\''", index)) {
        content += "'"
        index += 3
        continue
      }
      return { content, end: index + 1 }
    }
    const escaped = quote === '"' && character === '\\' ? ESCAPES[text[index + 1] ?? ''] : undefined
    content += escaped ?? character
    if (escaped !== undefined) index += 1
  }
  return undefined
}

function isRest(rest: string): boolean {
  return /^\s*$/.test(rest) || /^\s+#/.test(rest)
}

/**
 * Cleans a value as it may arrive from a process environment: white space around it, quotes, and a ` # comment` behind
 * the quotes are dropped (`docker run --env-file` passes all of these on). Without quotes a ` # comment` is dropped only
 * when `comments` is true.
 */
export function cleanValue(raw: string, comments: boolean): string {
  const text = raw.trim()
  const quoted = readQuoted(text)
  if (quoted !== undefined && isRest(text.slice(quoted.end))) return quoted.content
  if (!comments) return text
  return /^\s+#/.test(raw) ? '' : text.replace(/\s+#.*$/s, '')
}

interface Assignment {
  readonly name: string
  readonly value: string
  /** Characters of the text that it takes, without the last line feed. */
  readonly length: number
  readonly unclosed: boolean
}

function readAssignment(text: string): Assignment | undefined {
  const first = text.split('\n', 1)[0] ?? ''
  const match = ASSIGNMENT.exec(first)
  if (match === null) return undefined
  const name = match[1]!
  const raw = first.slice(match[0].length)
  const start = match[0].length + raw.length - raw.trimStart().length
  const quoted = readQuoted(text.slice(start))
  if (quoted !== undefined) {
    const tail = text.slice(start + quoted.end).split('\n', 1)[0] ?? ''
    const length = start + quoted.end + tail.length
    if (isRest(tail)) return { name, value: quoted.content, length, unclosed: false }
  }
  return { name, value: cleanValue(raw, true), length: first.length, unclosed: /^["'`]/.test(first.slice(start)) }
}

/**
 * Reads `KEY=value` lines: `export`, single, double and back quotes (over several lines too), `\n \r \t \\ \" \$` inside
 * double quotes, comments behind white space, CRLF, a byte order mark. `$NAME` is not expanded. Lines that are not
 * understood are reported and skipped.
 */
export function parseEnvFile(text: string): EnvFile {
  const values: Record<string, string> = Object.create(null)
  const lines: Record<string, number> = Object.create(null)
  const problems: EnvFileProblem[] = []
  let rest = text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  let line = 1
  while (rest !== '') {
    const assignment = readAssignment(rest)
    const length = assignment?.length ?? rest.split('\n', 1)[0]!.length
    const taken = rest.slice(0, length)
    if (assignment !== undefined) {
      const { name: key, value, unclosed } = assignment
      if (key in values)
        problems.push({ line, key, kind: 'repeated', message: `is set again; line ${lines[key]} is ignored` })
      if (unclosed)
        problems.push({ line, key, kind: 'quote', message: 'has a quote that is not closed, or text behind it' })
      values[key] = value
      lines[key] = line
    } else if (!/^\s*(#|$)/.test(taken)) {
      problems.push({ line, kind: 'syntax', message: 'is not KEY=value' })
    }
    line += taken.split('\n').length
    rest = rest.slice(length + 1)
  }
  return { values, lines, problems }
}
