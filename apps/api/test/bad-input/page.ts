import { BODY_CASES } from './body-cases.ts'
import { CALLER_CASES } from './caller-cases.ts'
import type { BadInputCase } from './case.ts'
import { OPERATOR_CASES } from './operator-cases.ts'
import { REFERENCE_CASES } from './reference-cases.ts'

/** The cases, under the titles of the page. */
export const BAD_INPUT: Readonly<Record<string, readonly BadInputCase[]>> = {
  'The body': BODY_CASES,
  'What the call refers to': REFERENCE_CASES,
  'Who calls': CALLER_CASES,
  'What the operator orders': OPERATOR_CASES
}

const INTRODUCTION = `# What the api answers to bad input

Each row is sent to a running api over a socket by \`apps/api/test/bad-input.test.ts\`, which also holds that
nothing of a refused call is stored, that no stack trace reaches a caller, and that the process goes on. The
test compares this page with its own table; \`UPDATE_DOCS=1\` in its environment writes the page anew.

Every error is \`{"success": false, "error": {"code", "message", "requestId", "details"?}}\`, and the header
\`x-request-id\` repeats the id. \`details\` lists the fields that were wrong.
`

const escapeCell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

function table(cases: readonly BadInputCase[]): string {
  const rows = cases.map(({ what, status, code, message }) =>
    [what, String(status), code === undefined ? '' : `\`${code}\``, escapeCell(message)].join(' | ')
  )
  return ['| Input | Status | Code | Message |', '|---|---|---|---|', ...rows.map((row) => `| ${row} |`)].join('\n')
}

/** The text of docs/bad-input.md. */
export function badInputPage(): string {
  const sections = Object.entries(BAD_INPUT).map(([title, cases]) => `## ${title}\n\n${table(cases)}\n`)
  return [INTRODUCTION, ...sections].join('\n')
}
