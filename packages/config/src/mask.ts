import type { SecretKind } from './key.ts'

const SHOWN_LENGTH = 120
const PASSWORD = /:\/\/([^:@/?#\s]*):.*@/s
const PASSWORD_WITHOUT_SCHEME = /(^|[\s,])([^:@/\s,]+):[^@/\s][^@\s]*@/g
const SECRET_PARAMETER = /([?&][^=&#]*(?:pass|secret|token|key)[^=&#]*=)[^&#]*/gi

/** Hides the password of a URL and leaves the rest readable; also works on text that is no valid URL. */
export function maskPassword(value: string): string {
  return value
    .replace(PASSWORD, '://$1:***@')
    .replace(PASSWORD_WITHOUT_SCHEME, '$1$2:***@')
    .replace(SECRET_PARAMETER, '$1***')
}

/** The value as logs, screens and errors may show it. A whole secret only shows its length in characters. */
export function maskValue(value: string, secret: SecretKind | undefined): string {
  if (value === '') return ''
  return secret === 'whole' ? `*** (${[...value].length} characters)` : maskPassword(value)
}

/** A masked value in quotes, control characters escaped, cut to one readable line. */
export function showValue(value: string, secret: SecretKind | undefined): string {
  const masked = maskValue(value, secret)
  if (secret === 'whole') return masked === '' ? '""' : masked
  // Where no URL can be recognized, nobody can say which part of it is the password.
  if (secret === 'password' && !URL.canParse(value))
    return `"${/^[a-z]+:\/\//.exec(value)?.[0] ?? ''}***" (${[...value].length} characters)`
  return JSON.stringify(masked.length > SHOWN_LENGTH ? `${masked.slice(0, SHOWN_LENGTH)}...` : masked)
}
