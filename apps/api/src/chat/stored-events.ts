import {
  type ChatEvent,
  type ChatEventBody,
  ERROR_CODES,
  type ErrorCode,
  type EventError,
  isRetryable
} from '@semibot/chat-protocol'
import type { ExecutionRecord } from '@semibot/db'

/**
 * The events of an execution that ended and is in no event log any more, told anew from what is stored:
 * started, the whole message, the end. The end has its own number, and the others come right before it. Of an
 * execution that was adopted nobody knows the number: all of them come after the client's last one.
 */
export function storedEvents(record: ExecutionRecord, after = 0): ChatEvent[] {
  const { messageId } = record
  const bodies: ChatEventBody[] = [
    {
      type: 'execution.started',
      executionId: record.id,
      sessionId: record.sessionId,
      messageId,
      mode: record.mode ?? 'direct_llm',
      attempt: Math.max(1, record.attempts),
      model: record.model ?? ''
    }
  ]
  if (record.content !== null && record.content !== '') {
    bodies.push(
      { type: 'message.started', messageId },
      { type: 'message.completed', messageId, content: record.content, finishReason: record.finishReason ?? 'other' }
    )
  }
  bodies.push(terminalOf(record))
  const ts = (record.endedAt ?? record.createdAt).getTime()
  const before = record.lastSeq === null ? after : Math.max(0, record.lastSeq - bodies.length)
  return bodies.map((body, index) => Object.assign(body, { seq: before + index + 1, ts }))
}

/** The terminal event of an execution that has ended. */
function terminalOf(record: ExecutionRecord): ChatEventBody {
  if (record.status === 'completed') {
    return {
      type: 'execution.completed',
      finishReason: record.finishReason ?? 'other',
      usage: record.usage ?? { inputTokens: 0, outputTokens: 0, totalTokens: 0 },
      mode: record.mode ?? 'direct_llm',
      attempts: Math.max(1, record.attempts),
      latencyMs: record.latencyMs ?? 0
    }
  }
  if (record.status === 'cancelled') return { type: 'execution.cancelled', reason: 'user' }
  return { type: 'execution.failed', error: errorOf(record) }
}

const CODES: ReadonlySet<string> = new Set(ERROR_CODES)

function errorOf(record: ExecutionRecord): EventError {
  const code: ErrorCode = CODES.has(record.error?.code ?? '') ? (record.error?.code as ErrorCode) : 'INTERNAL'
  return { code, message: record.error?.message ?? 'The execution failed.', retryable: isRetryable(code) }
}
