import { type ChatEventBody, sseEvent, writeDelta } from '@semibot/chat-protocol'

/** One event as it goes over the wire: `id`, `event` and one line of JSON that repeats both with the time. */
export function encodeEvent(body: ChatEventBody, seq: number, ts: number): string {
  if (body.type === 'message.delta') return writeDelta(body.messageId, body.delta, seq, ts)
  return sseEvent(body.type, JSON.stringify({ ...body, seq, ts }), seq)
}
