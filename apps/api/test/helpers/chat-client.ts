import type { ChatEvent } from '@semibot/chat-protocol'
import { createParser } from 'eventsource-parser'

/** One streamed chat as a client sees it. */
export interface ChatStream {
  status: number
  headers: Headers
  /** Everything that has arrived so far. */
  events: ChatEvent[]
  /** Resolves with the first event that satisfies the condition; rejects when the stream ends without one. */
  until(condition: (event: ChatEvent) => boolean): Promise<ChatEvent>
  /** Resolves with all events when the response has ended; rejects when it was cut. */
  ended: Promise<ChatEvent[]>
  /** Text as a client that follows the protocol shows it at this moment. */
  text(): string
  /** Goes away without a word. */
  disconnect(): void
}

/** Asks for a stream of events and follows it. */
export async function openStream(url: string, key: string, body?: object, headers: Record<string, string> = {}) {
  const leave = new AbortController()
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: leave.signal
  })
  const events: ChatEvent[] = []
  const waiting: { condition: (event: ChatEvent) => boolean; resolve: (event: ChatEvent) => void }[] = []
  const parser = createParser({
    onEvent: ({ data }) => {
      const event = JSON.parse(data) as ChatEvent
      events.push(event)
      for (const waiter of waiting) if (waiter.condition(event)) waiter.resolve(event)
    }
  })
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }))
    return events
  })()
  ended.catch(() => {})
  const stream: ChatStream = {
    status: response.status,
    headers: response.headers,
    events,
    ended,
    until: (condition) => {
      const seen = events.find(condition)
      if (seen !== undefined) return Promise.resolve(seen)
      const found = new Promise<ChatEvent>((resolve) => waiting.push({ condition, resolve }))
      const missing = ended.then(() => {
        throw new Error(`the stream ended without the event; it had ${events.map((event) => event.type).join(', ')}`)
      })
      return Promise.race([found, missing])
    },
    text: () => textOf(events),
    disconnect: () => leave.abort()
  }
  return stream
}

/** The text that the events add up to, retractions included. */
export function textOf(events: ChatEvent[]): string {
  let text = ''
  for (const event of events) {
    if (event.type === 'message.delta') text += event.delta
    if (event.type === 'execution.fallback' && event.discardedMessageIds.length > 0) text = ''
  }
  return text
}

export function isType<T extends ChatEvent['type']>(type: T) {
  return (event: ChatEvent) => event.type === type
}
