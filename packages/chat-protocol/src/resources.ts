import { z } from 'zod'
import { agentReferenceSchema } from './ids.ts'
import { LIMITS } from './limits.ts'
import { safeText, shortText } from './text.ts'

/** How far a message is: being written, whole, cut off by a failure with text, failed without any, or cancelled. */
export const MESSAGE_STATUSES = ['streaming', 'complete', 'partial', 'failed', 'cancelled'] as const
export type MessageStatus = (typeof MESSAGE_STATUSES)[number]

/** Query of every list: newest first, `cursor` from the page before. */
export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(500).optional()
})

const title = safeText(1, 200)

/** A session, as every answer shows it. Times are ISO 8601. */
export const sessionSchema = z.object({
  id: z.string(),
  agentId: z.string(),
  title: z.string().nullable(),
  status: z.string(),
  createdAt: z.string(),
  updatedAt: z.string()
})

/** Body of `POST /api/v1/sessions`. */
export const createSessionSchema = z.strictObject({
  agentId: agentReferenceSchema.optional(),
  title: title.optional()
})

/** Body of `PATCH /api/v1/sessions/:sessionId`; null takes the title away. */
export const updateSessionSchema = z.strictObject({ title: title.nullable() })

/** A message of a session. `seq` is its place there, from 1. */
export const messageSchema = z.object({
  id: z.string(),
  seq: z.int(),
  role: z.enum(['user', 'assistant', 'system', 'tool']),
  content: z.string(),
  status: z.enum(MESSAGE_STATUSES),
  executionId: z.string().nullable(),
  createdAt: z.string()
})

const slug = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 characters of a-z, 0-9 and -')
const toolNames = z.array(shortText(100)).max(64)
const agentFields = {
  name: safeText(1, 200),
  systemPrompt: safeText(0, LIMITS.messageCodePoints),
  model: z.string().min(1).max(200).nullable(),
  temperature: z.number().min(0).max(2).nullable(),
  maxTokens: z.int().positive().max(1_000_000).nullable(),
  tools: toolNames
}

/** An agent of an organisation. */
export const agentSchema = z.object({
  id: z.string(),
  slug: z.string(),
  name: z.string(),
  systemPrompt: z.string(),
  /** null: LLM_MODEL. */
  model: z.string().nullable(),
  temperature: z.number().nullable(),
  maxTokens: z.number().nullable(),
  tools: z.array(z.string()),
  createdAt: z.string(),
  updatedAt: z.string()
})

/** Body of `POST /api/v1/agents`. */
export const createAgentSchema = z.strictObject({
  slug,
  name: agentFields.name,
  systemPrompt: agentFields.systemPrompt.default(''),
  model: agentFields.model.default(null),
  temperature: agentFields.temperature.default(null),
  maxTokens: agentFields.maxTokens.default(null),
  tools: agentFields.tools.default([])
})

/** Body of `PATCH /api/v1/agents/:agentId`: what is left out stays. */
export const updateAgentSchema = z.strictObject({
  name: agentFields.name.optional(),
  systemPrompt: agentFields.systemPrompt.optional(),
  model: agentFields.model.optional(),
  temperature: agentFields.temperature.optional(),
  maxTokens: agentFields.maxTokens.optional(),
  tools: agentFields.tools.optional()
})

/** Opaque id of a person in the caller's own system. */
export const externalUserIdSchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters')

/** Body of `POST /api/v1/tokens`: a short-lived token for one end user. */
export const createTokenSchema = z.strictObject({
  userId: externalUserIdSchema,
  expiresInSeconds: z.int().min(60).max(86_400).default(3600)
})

/** `data` of the answer to `POST /api/v1/tokens`. */
export const tokenSchema = z.object({ token: z.string(), expiresAt: z.string(), userId: z.string() })

export type Session = z.infer<typeof sessionSchema>
export type Message = z.infer<typeof messageSchema>
export type Agent = z.infer<typeof agentSchema>
