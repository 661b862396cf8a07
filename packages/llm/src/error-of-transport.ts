import type { EventStreamError } from '@semibot/chat-protocol/event-stream'
import { errorOfAnswer } from './error-of-answer.ts'
import { LlmError } from './llm-error.ts'
import { parseProviderError, showable } from './provider-text.ts'

/** The system's or undici's name for what happened; names tell nothing about addresses. */
export function nameOf(cause: unknown): string {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' && /^[A-Z_]{3,60}$/.test(code) ? ` (${code})` : ''
}

/** What a failed exchange with a provider means to the one who asked. Not for `aborted`: that is the caller's own doing. */
export function errorOfTransport(error: EventStreamError, apiKey: string | undefined): LlmError {
  const unavailable = (message: string) => new LlmError('LLM_UNAVAILABLE', message, { cause: error })
  switch (error.kind) {
    case 'status': {
      const { status, retryAfterMs, body } = error
      return errorOfAnswer({ status: status!, retryAfterMs, error: parseProviderError(body), cause: error }, apiKey)
    }
    case 'connect':
      return unavailable(`The model provider cannot be reached${nameOf(error.cause)}.`)
    case 'content_type': {
      const said = showable(parseProviderError(error.body)?.message ?? '', apiKey)
      const message = 'The model provider gave an answer of the wrong kind'
      return unavailable(said === '' ? `${message}: ${error.message}.` : `${message}: ${said}`)
    }
    case 'too_large':
      return unavailable(`The model provider sent too much: ${error.message}.`)
    case 'encoding':
      return unavailable('The model provider sent text that cannot be read.')
    default:
      return unavailable(`The connection to the model provider broke${nameOf(error.cause)}.`)
  }
}
