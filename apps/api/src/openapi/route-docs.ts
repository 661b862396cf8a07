import { actorSchema, chatEventSchema, chatResultSchema, envelope, externalUserIdSchema } from '@semibot/chat-protocol'
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

const userId = { 'x-user-id': externalUserIdSchema.optional().describe('End user, with an API key') }
const idempotencyKey = {
  'idempotency-key': z.string().min(1).max(255).optional().describe('The same key and body give the same execution')
}
const lastEventId = { 'last-event-id': z.string().optional().describe('Number of the last event that was received') }

/** What the document says of a route beside its own schema. */
interface RouteDocs {
  headers?: z.ZodType
  response?: Record<string, unknown>
}

const actor = { 'x-actor': actorSchema.optional().describe('Who orders it, for the history') }

const chatHeaders = z.object({ ...idempotencyKey, ...userId })

/**
 * Headers and answers of some routes, for the document only: the routes check their headers themselves, and on a
 * chat a schema of the answer would check and copy every one.
 */
export const ROUTE_DOCS: Readonly<Record<string, RouteDocs>> = {
  'POST /api/v1/chat': { headers: chatHeaders, response: { 200: eventsOrResult } },
  'POST /api/v1/chat/start': { headers: chatHeaders, response: { 200: agent2uiFrames } },
  'POST /api/v1/chat/sessions/:sessionId': { headers: chatHeaders, response: { 200: agent2uiFrames } },
  'GET /api/v1/chat/executions/:executionId/events': {
    headers: z.object({ ...lastEventId, ...userId }),
    response: { 200: chatEvents }
  },
  'POST /api/v1/chat/executions/:executionId/cancel': {
    response: { 202: envelope(z.object({ executionId: z.string() })) }
  },
  'POST /api/v1/runtime/fallback/reset': { headers: z.object(actor) },
  'POST /api/v1/runtime/fallback/force': { headers: z.object(actor) }
}
