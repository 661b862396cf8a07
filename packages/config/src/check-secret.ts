const MIN_LENGTH = 32
const PLACEHOLDER =
  /change.?me|replace.?me|example|placeholder|your.?token|default|secret.?token|admin.?token|password|^dev[-_]|^test[-_]/i
const HOW = 'such as the output of: openssl rand -hex 32'

function isTokenList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

/** Why these tokens cannot be used in production, phrased to follow "expected"; undefined when they can. */
export function weakSecretReason(tokens: unknown): string | undefined {
  if (!isTokenList(tokens) || tokens.length === 0) return `a secret in production, ${HOW}`
  if (tokens.some((token) => token.length < MIN_LENGTH))
    return `at least ${MIN_LENGTH} characters in production, ${HOW}`
  if (tokens.some((token) => PLACEHOLDER.test(token) || new Set(token).size < 8)) {
    return `a random secret in production and not a well-known or repetitive one, ${HOW}`
  }
  return undefined
}
