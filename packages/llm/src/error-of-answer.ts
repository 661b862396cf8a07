import { LlmError, type LlmErrorCode, type LlmErrorOptions } from './llm-error.ts'
import { type ProviderError, showable } from './provider-text.ts'

/** A bad answer of a provider, however it was received. */
export interface BadAnswer {
  status: number
  retryAfterMs?: number | undefined
  error?: ProviderError | undefined
  cause?: unknown
}

function options({ status, retryAfterMs, cause }: BadAnswer): LlmErrorOptions {
  return { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }), ...(cause === undefined ? {} : { cause }) }
}

function codeOf(status: number): LlmErrorCode {
  if (status === 429) return 'LLM_RATE_LIMITED'
  if (status === 408 || status === 409 || status >= 500) return 'LLM_UNAVAILABLE'
  return 'LLM_REJECTED'
}

function sentenceOf(status: number): string {
  if (status === 401 || status === 403) {
    return `The model provider refused the credentials (${status}); the operator must check LLM_API_KEY`
  }
  if (status === 402) return 'The model provider asks for payment (402); the operator must check the account'
  if (status === 404) {
    return 'The model provider does not know this model or address (404); the operator must check LLM_MODEL and LLM_BASE_URL'
  }
  if (status === 429) return 'The model provider is limiting the rate of requests (429)'
  if (status >= 300 && status < 400) {
    return `The model provider answered with a redirect (${status}); the operator must check LLM_BASE_URL`
  }
  if (codeOf(status) === 'LLM_UNAVAILABLE') return `The model provider is not available (${status})`
  return `The model provider rejected the request (${status})`
}

/** The error for an answer whose status is not 200. */
export function errorOfAnswer(answer: BadAnswer, apiKey: string | undefined): LlmError {
  const said = showable(answer.error?.message ?? '', apiKey)
  const sentence = sentenceOf(answer.status)
  return new LlmError(codeOf(answer.status), said === '' ? `${sentence}.` : `${sentence}: ${said}`, options(answer))
}

/** The error for one that a provider reports inside an answer that began well. */
export function errorInAnswer(error: ProviderError, apiKey: string | undefined): LlmError {
  const status = /^[345]\d\d$/.test(error.code) ? Number(error.code) : undefined
  const words = `${error.code} ${error.type}`
  let code: LlmErrorCode = 'LLM_UNAVAILABLE'
  if (status !== undefined) code = codeOf(status)
  else if (/rate_?limit|quota/i.test(words)) code = 'LLM_RATE_LIMITED'
  else if (/invalid_request|content_?(?:policy|filter)|context_length/i.test(words)) code = 'LLM_REJECTED'
  const said = showable(error.message, apiKey)
  const message = 'The model provider reported an error in its answer'
  return new LlmError(code, said === '' ? `${message}.` : `${message}: ${said}`, status === undefined ? {} : { status })
}
