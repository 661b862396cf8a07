const SHOWN_LENGTH = 200

/** What keys look like in the texts of the better-known providers, and any bearer token. */
const KEY_SHAPES = /\b(?:sk|pk|rk|gsk|xai|key)[-_][\w*.-]{6,}|\bBearer\s+\S+/gi

/** Makes a provider's text fit to be shown: one line, short, without anything that is or looks like a key. */
export function showable(text: string, apiKey: string | undefined): string {
  let clean = text.slice(0, SHOWN_LENGTH * 20)
  if (apiKey !== undefined && apiKey !== '') clean = clean.replaceAll(apiKey, '***')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a provider's text may carry terminal escapes
  clean = clean.replace(KEY_SHAPES, '***').replace(/[\s\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ')
  clean = clean.trim()
  return clean.length > SHOWN_LENGTH ? `${clean.slice(0, SHOWN_LENGTH).toWellFormed()}…` : clean
}

/** What a provider says of an error, in the shapes that are in use. */
export interface ProviderError {
  message: string
  code: string
  type: string
}

/** Reads `{"error": {message, type, code}}`, `{"error": "..."}` and `{"message": "..."}`; undefined for anything else. */
export function readProviderError(value: unknown): ProviderError | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { error, message, detail } = value as Record<string, unknown>
  if (typeof error === 'string') return { message: error, code: '', type: '' }
  if (typeof error === 'object' && error !== null) {
    const fields = error as Record<string, unknown>
    return {
      message: typeof fields.message === 'string' ? fields.message : '',
      code: String(fields.code ?? ''),
      type: String(fields.type ?? '')
    }
  }
  const text = message ?? detail
  return typeof text === 'string' ? { message: text, code: '', type: '' } : undefined
}

/** The same from the text of a body. */
export function parseProviderError(body: string | undefined): ProviderError | undefined {
  if (body === undefined || !body.startsWith('{')) return undefined
  try {
    return readProviderError(JSON.parse(body))
  } catch {
    return undefined
  }
}
