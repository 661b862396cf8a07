import { z } from 'zod'
import { FINISH_REASONS, usageSchema } from './chat-event.ts'
import { agentReferenceSchema, idSchema } from './ids.ts'
import { LIMITS } from './limits.ts'
import { CHAT_MODES } from './mode.ts'
import { safeText, shortText } from './text.ts'

const message = safeText(1, LIMITS.messageCodePoints)

/** Body of `POST /api/v1/chat`. */
export const chatRequestSchema = z.strictObject({
  /** Continues this session; left out, a new session begins. */
  sessionId: idSchema.optional(),
  message,
  agentId: agentReferenceSchema.optional(),
  /** true (default): server-sent events; false: one JSON answer. */
  stream: z.boolean().default(true),
  /** What a closed connection means: the run goes on and can be resumed, or it is cancelled. */
  onDisconnect: z.enum(['detach', 'cancel']).default('detach'),
  /** Overrides the agent's model; must be one of LLM_MODELS. */
  model: z.string().min(1).max(200).optional(),
  clientMessageId: shortText(128).optional()
})

/** `data` of the answer to `POST /api/v1/chat` with `stream: false`. */
export const chatResultSchema = z.object({
  executionId: z.string(),
  sessionId: z.string(),
  message: z.object({ id: z.string(), role: z.literal('assistant'), content: z.string() }),
  finishReason: z.enum(FINISH_REASONS),
  mode: z.enum(CHAT_MODES),
  attempts: z.int().positive(),
  usage: usageSchema,
  latencyMs: z.number()
})

/** Body of `POST /api/v1/chat/start` (Agent2UI frames). */
export const agent2uiStartSchema = z.object({ agentId: agentReferenceSchema.optional(), message })

/** Body of `POST /api/v1/chat/sessions/:sessionId` (Agent2UI frames). */
export const agent2uiContinueSchema = z.object({ message, parentMessageId: idSchema.optional() })

/** How far an execution is; the last three are final. */
export const EXECUTION_STATUSES = ['running', 'waiting_approval', 'completed', 'failed', 'cancelled'] as const

/** `data` of `GET /api/v1/chat/executions/:id`. */
export const executionSchema = z.object({
  id: z.string(),
  sessionId: z.string(),
  messageId: z.string(),
  status: z.enum(EXECUTION_STATUSES),
  mode: z.enum(CHAT_MODES).nullable(),
  attempts: z.int(),
  lastSeq: z.int().nullable(),
  usage: usageSchema.nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  latencyMs: z.number().nullable(),
  createdAt: z.string(),
  endedAt: z.string().nullable()
})

export type ChatRequest = z.infer<typeof chatRequestSchema>
export type ChatResult = z.infer<typeof chatResultSchema>
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number]
export type ExecutionBody = z.infer<typeof executionSchema>
