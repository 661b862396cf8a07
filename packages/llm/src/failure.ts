import { EventStreamError } from '@semibot/chat-protocol/event-stream'
import type { CallTimers } from './call-timers.ts'
import { errorOfTransport } from './error-of-transport.ts'
import type { LlmCallOptions } from './types.ts'

/** What the caller is told of a failed attempt: its own reason, the time that ran out, or the provider's fault. */
export function failureOf(
  error: unknown,
  options: LlmCallOptions,
  timers: CallTimers,
  apiKey: string | undefined
): unknown {
  if (options.signal.aborted) return options.signal.reason
  if (timers.ended !== undefined) return timers.ended
  return error instanceof EventStreamError ? errorOfTransport(error, apiKey) : error
}
