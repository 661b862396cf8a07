import { chatEventSchema, chatResultSchema, envelope } from '@semibot/chat-protocol'
import { z } from 'zod'

const chatEvents = {
  description:
    'Server-sent events. Each has `id` (its seq: 1, 2, 3, ...), `event` (its type) and `data`, one ChatEvent as ' +
    'JSON. Comments keep the connection alive. The last event is execution.completed, .failed or .cancelled.',
  content: { 'text/event-stream': { schema: chatEventSchema } }
}

const agent2uiFrames = {
  description: 'Server-sent events with Agent2UI frames: `message`, `heartbeat`, and at the end `done` or `error`.',
  content: { 'text/event-stream': { schema: z.looseObject({}) } }
}

const eventsOrResult = {
  ...chatEvents,
  content: { ...chatEvents.content, 'application/json': { schema: envelope(chatResultSchema) } }
}

/**
 * Answers of the routes that stream, for the document only: a schema at the route itself would check
 * and copy every answer.
 */
export const STREAM_RESPONSES: Readonly<Record<string, Record<string, unknown>>> = {
  'POST /api/v1/chat': { 200: eventsOrResult },
  'POST /api/v1/chat/start': { 200: agent2uiFrames },
  'POST /api/v1/chat/sessions/:sessionId': { 200: agent2uiFrames },
  'GET /api/v1/chat/executions/:executionId/events': { 200: chatEvents },
  'POST /api/v1/chat/executions/:executionId/cancel': { 202: envelope(z.object({ executionId: z.string() })) }
}
