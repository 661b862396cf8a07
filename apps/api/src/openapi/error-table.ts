import { clientStatusOf, ERROR_CODES, ERROR_TABLE } from '@semibot/chat-protocol'

/** Every error code with what it means to a caller, as a table in Markdown. */
export function errorTable(): string {
  const rows = ERROR_CODES.map((code) => {
    const { class: kind, clientText, retryable } = ERROR_TABLE[code]
    return `| \`${code}\` | ${clientStatusOf(code)} | ${kind} | ${retryable ? 'yes' : 'no'} | ${clientText} |`
  })
  return ['| code | status | class | try again | meaning |', '|---|---|---|---|---|', ...rows].join('\n')
}
