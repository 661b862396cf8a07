import type { ExecutionBody } from '@semibot/chat-protocol'
import type { ExecutionRecord } from '@semibot/db'
import type { ExecutionEvents } from './event-log.ts'

/** The execution as `GET /api/v1/chat/executions/:id` shows it. */
export function describeExecution(record: ExecutionRecord, events: ExecutionEvents | undefined): ExecutionBody {
  return {
    id: record.id,
    sessionId: record.sessionId,
    messageId: record.messageId,
    status: record.status,
    // Stored at the end; until then the first event knows.
    mode: record.mode ?? events?.started?.mode ?? null,
    attempts: Math.max(record.attempts, events?.started?.attempt ?? 0),
    lastSeq: events?.lastSeq ?? null,
    usage: record.usage,
    error: record.error,
    latencyMs: record.latencyMs,
    createdAt: record.createdAt.toISOString(),
    endedAt: record.endedAt?.toISOString() ?? null
  }
}
