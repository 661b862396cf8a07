import { type ChatEvent, sseComment, sseEvent, sseRetry } from '@semibot/chat-protocol'
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

// Events of many streams share a millisecond, and a number of this size is dear to write.
let lastTime = 0
let lastTimeText = '0'

function written(time: number): string {
  if (time !== lastTime) {
    lastTime = time
    lastTimeText = String(time)
  }
  return lastTimeText
}

/** The frame of one event. A delta, the common case, is put together without serialising a whole object. */
export function encodeNative(event: ChatEvent): string {
  if (event.type === 'message.delta') {
    const seq = String(event.seq)
    return `id: ${seq}\nevent: message.delta\ndata: {"type":"message.delta","seq":${seq},"ts":${written(event.ts)},"messageId":"${event.messageId}","delta":${JSON.stringify(event.delta)}}\n\n`
  }
  return sseEvent(event.type, JSON.stringify(event), event.seq)
}
