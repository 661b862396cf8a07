import { type ChatEvent, sseComment, sseEvent, sseRetry, writeDelta } from '@semibot/chat-protocol'
import type { Face } from './face.ts'

/** The native face: every chat event as it is, numbered, so that a client can resume. */
export const nativeFace: Face = {
  name: 'native',
  canRetract: true,
  canResume: true,
  onDisconnect: 'detach',
  heartbeatMs: 15_000,
  heartbeatFrame: sseComment('keep-alive'),
  opening: sseRetry(1000) + sseComment('stream-open'),
  encoder: () => encodeNative
}

/** The frame of one event. A delta, the common case, is put together without serialising a whole object. */
export function encodeNative(event: ChatEvent): string {
  if (event.type === 'message.delta') return writeDelta(event.messageId, event.delta, event.seq, event.ts)
  return sseEvent(event.type, JSON.stringify(event), event.seq)
}
