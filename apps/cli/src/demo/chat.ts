import type { ChatEvent } from '@semibot/chat-protocol'
import { EventStreamError, openEventStream } from '@semibot/chat-protocol/event-stream'
import { Agent } from 'undici'
import { CliError } from '../failure.ts'

export interface ChatCall {
  apiUrl: string
  apiKey: string
  message: string
}

const TIMEOUT_MS = 120_000

/** Streams one chat and gives each event as it comes; resolves when the stream has ended. Throws CliError. */
export async function streamChat(call: ChatCall, onEvent: (event: ChatEvent) => void): Promise<void> {
  const dispatcher = new Agent()
  try {
    await openEventStream(
      {
        dispatcher,
        origin: call.apiUrl,
        path: '/api/v1/chat',
        headers: headersOf(call),
        body: JSON.stringify({ message: call.message }),
        signal: AbortSignal.timeout(TIMEOUT_MS)
      },
      { onEvent: ({ data }) => onEvent(JSON.parse(data) as ChatEvent) }
    )
  } catch (error) {
    if (!(error instanceof EventStreamError)) throw error
    throw new CliError(`the chat broke: ${error.message}${error.body ? `: ${error.body.slice(0, 200)}` : ''}`)
  } finally {
    await dispatcher.destroy()
  }
}

/** One chat with a JSON answer; the mode that answered it, or null when it was not answered. */
export async function askOnce({ apiUrl, message, ...call }: ChatCall): Promise<string | null> {
  try {
    const response = await fetch(`${apiUrl}/api/v1/chat`, {
      method: 'POST',
      headers: headersOf(call),
      body: JSON.stringify({ message, stream: false }),
      signal: AbortSignal.timeout(TIMEOUT_MS)
    })
    const { data } = (await response.json()) as { data?: { mode: string } }
    return response.ok ? (data?.mode ?? null) : null
  } catch {
    return null
  }
}

function headersOf({ apiKey }: Pick<ChatCall, 'apiKey'>): Record<string, string> {
  return { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
}
