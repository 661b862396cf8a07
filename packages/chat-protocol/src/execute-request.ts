import { z } from 'zod'
import { FINISH_REASONS, usageSchema } from './chat-event.ts'
import { idSchema } from './ids.ts'
import { LIMITS } from './limits.ts'

/** One earlier turn of the session as the model sees it. */
export const historyMessageSchema = z.object({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.string().max(LIMITS.bodyBytes)
})

/** How the agent of this execution behaves. `tools` are names; an agent without any runs without the agent loop. */
export const agentSpecSchema = z.object({
  id: z.string().min(1).max(200),
  slug: z.string().min(1).max(100),
  systemPrompt: z.string().max(LIMITS.messageCodePoints),
  model: z.string().min(1).max(200),
  temperature: z.number().min(0).max(2).optional(),
  maxTokens: z.int().positive().optional(),
  tools: z.array(z.string().min(1).max(100)).max(64)
})

/** Upper bounds of one execution; the runtime applies the smaller of these and its own. */
export const executionLimitsSchema = z.object({
  maxSteps: z.int().positive().optional(),
  maxToolCalls: z.int().nonnegative().optional(),
  maxTokens: z.int().positive().optional(),
  /** US dollars; refused where the model has no price. */
  maxCostUsd: z.number().positive().optional()
})

/** Body of `POST /api/v1/execute` and `POST /api/v1/execute/stream`, api to runtime. */
export const executeRequestSchema = z.object({
  /** Made by the api; also the idempotency key of the run. */
  executionId: idSchema,
  orgId: idSchema,
  sessionId: idSchema,
  userId: idSchema.nullable(),
  /** Id of the assistant message that this execution writes. */
  messageId: idSchema,
  message: z.string().min(1).max(LIMITS.bodyBytes),
  history: z.array(historyMessageSchema).max(500),
  agent: agentSpecSchema,
  limits: executionLimitsSchema.optional()
})

/** `data` of the answer to `POST /api/v1/execute`. */
export const executeResultSchema = z.object({
  executionId: z.uuid(),
  content: z.string(),
  finishReason: z.enum(FINISH_REASONS),
  usage: usageSchema
})

export type HistoryMessage = z.infer<typeof historyMessageSchema>
export type AgentSpec = z.infer<typeof agentSpecSchema>
export type ExecutionLimits = z.infer<typeof executionLimitsSchema>
export type ExecuteRequest = z.infer<typeof executeRequestSchema>
