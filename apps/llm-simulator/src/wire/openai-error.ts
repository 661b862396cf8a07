/** An error answer in OpenAI's shape. */
export class OpenAiError extends Error {
  override readonly name = 'OpenAiError'
  readonly status: number
  readonly type: string
  readonly code: string | null
  readonly param: string | null
  readonly headers: Record<string, string>

  constructor(
    status: number,
    message: string,
    options: { type?: string; code?: string; param?: string; headers?: Record<string, string> } = {}
  ) {
    super(message)
    this.status = status
    this.type = options.type ?? (status >= 500 ? 'server_error' : 'invalid_request_error')
    this.code = options.code ?? null
    this.param = options.param ?? null
    this.headers = options.headers ?? {}
  }

  get body(): string {
    return JSON.stringify({
      error: { message: this.message, type: this.type, param: this.param, code: this.code }
    })
  }
}

/** The error that a provider gives with this status. */
export function errorOfStatus(status: number, retryAfterSeconds?: number): OpenAiError {
  const headers: Record<string, string> =
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  if (status === 429) {
    const message = 'Rate limit reached for requests. Please try again later.'
    return new OpenAiError(429, message, { type: 'requests', code: 'rate_limit_exceeded', headers })
  }
  if (status === 401) {
    return new OpenAiError(401, 'Incorrect API key provided.', { code: 'invalid_api_key', headers })
  }
  if (status >= 500) {
    return new OpenAiError(status, 'The server had an error while processing your request.', { headers })
  }
  return new OpenAiError(status, `Simulated answer with status ${status}.`, { headers })
}
