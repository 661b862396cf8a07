const CENSORED = '[redacted]'
const SECRET_NAME = /(?:authorization|cookie|apikey|token|password|passwd|secret)$/
/** Deeper than this the logger itself writes `[Object]`. */
const MAX_DEPTH = 8
const MAX_STRING_LENGTH = 8192
/** Key names are few and come from code; the cap only guards against keys made of data. */
const MAX_REMEMBERED_NAMES = 2000

const remembered = new Map<string, boolean>()

/**
 * The same fields without secrets and without anything a person wrote: values of keys that end in
 * authorization, cookie, apiKey, token, password or secret (in any spelling: `x-api-key`, `api_key`) and of
 * `content` are replaced, in any depth; long strings are cut. Fields without such keys come back as they are.
 */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const key in fields) {
    const value = fields[key]
    // `err` is written by the logger's serializer, which is `errorFields`.
    if (key === 'err') continue
    const cleaned = isSecretName(key) ? CENSORED : clean(value, 1)
    if (cleaned === value) continue
    copy ??= { ...fields }
    copy[key] = cleaned
  }
  return copy ?? fields
}

/**
 * What of an error may be logged: its kind, message, code, stack and causes. Enumerable extras are left out,
 * since HTTP clients hang requests with their headers there.
 */
export function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' ? clean(error, 0) : scrubText(String(error))
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: scrubText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: scrubText(error.stack) }),
    ...(error.cause === undefined || depth >= 3 ? {} : { cause: errorFields(error.cause, depth + 1) })
  }
}

/**
 * Foreign text made fit for a log line: credentials masked, cut to a bounded length, and without `错误:`, by
 * which the runbook's pipelines find the reason at the end of our own messages.
 */
export function scrubText(text: string): string {
  return cut(text)
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${CENSORED}`)
    .replace(/\b(?:sk|sb)[-_][\w-]{8,}/g, CENSORED)
    .replace(/(\/\/[^\s/:@]*):[^\s/@]+@/g, `$1:${CENSORED}@`)
    .replaceAll('错误:', '错误 ')
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value)
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value
  if (value instanceof Error) return errorFields(value)
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const copy: Record<string, unknown> = {}
  for (const [key, child] of Object.entries(value)) copy[key] = isSecretName(key) ? CENSORED : clean(child, depth + 1)
  return copy
}

function isSecretName(name: string): boolean {
  let secret = remembered.get(name)
  if (secret === undefined) {
    const plain = name.replace(/[-_]/g, '').toLowerCase()
    secret = plain === 'content' || SECRET_NAME.test(plain)
    if (remembered.size < MAX_REMEMBERED_NAMES) remembered.set(name, secret)
  }
  return secret
}

function cut(text: string): string {
  if (text.length <= MAX_STRING_LENGTH) return text
  return `${text.slice(0, MAX_STRING_LENGTH)}[... ${text.length - MAX_STRING_LENGTH} more]`
}
