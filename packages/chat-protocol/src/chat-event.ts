import { z } from 'zod'
import { ERROR_CODES, ERROR_ORIGINS } from './error-codes.ts'
import { CHAT_MODES } from './mode.ts'

const mode = z.enum(CHAT_MODES)
const id = z.string().min(1).max(200)
const count = z.int().nonnegative()

/** Token counts of one execution, over all of its model calls. */
export const usageSchema = z.object({
  inputTokens: count,
  outputTokens: count,
  totalTokens: count,
  cachedInputTokens: count.optional(),
  reasoningTokens: count.optional()
})

/** Why a text ended: the model was done, a bound cut it, a filter did, it wanted tools, or what nobody has named. */
export const FINISH_REASONS = ['stop', 'length', 'content_filter', 'tool_calls', 'other'] as const

/** How far a step of a plan is. */
export const STEP_STATUSES = ['pending', 'running', 'completed', 'failed', 'skipped'] as const

/** Where a tool comes from. */
export const TOOL_SOURCES = ['builtin', 'mcp', 'skill', 'agent'] as const

/** What running a tool changes: nothing, the same however often it is run with one key, or something each time. */
export const TOOL_EFFECTS = ['none', 'idempotent', 'unsafe'] as const

/** How a tool call ended; `unknown`: whether it took effect, nobody knows. */
export const TOOL_STATUSES = ['ok', 'error', 'denied', 'timeout', 'unknown'] as const

/** Who ended an execution before its time: its user, the loss of its client, an operator, or a process that stops. */
export const CANCEL_REASONS = ['user', 'disconnect', 'admin', 'shutdown'] as const

const finishReason = z.enum(FINISH_REASONS)

/** What a client is told of a failed execution; `message` is safe to show. */
export const eventErrorSchema = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  retryable: z.boolean(),
  /** Who caused it; between runtime and api always present, towards clients left out. */
  origin: z.enum(ERROR_ORIGINS).optional(),
  requestId: z.string().optional()
})

const planStep = z.object({
  id,
  title: z.string(),
  status: z.enum(STEP_STATUSES),
  error: z.string().optional(),
  durationMs: z.number().nonnegative().optional()
})

const bodies = {
  'execution.started': z.object({
    type: z.literal('execution.started'),
    executionId: id,
    sessionId: id,
    messageId: id,
    mode,
    attempt: z.int().positive(),
    model: z.string(),
    traceId: z.string().optional(),
    /** Which runtime process answers; only on the wire from runtime to api. */
    instance: z.string().optional(),
    /**
     * Only on the wire from runtime to api, of an execution that another process began, or to whoever resumes one that
     * has written text already: the text with which the answer goes on. What the client has beyond it was never finished.
     */
    resumed: z.object({ text: z.string() }).optional()
  }),
  'plan.updated': z.object({ type: z.literal('plan.updated'), planId: id, steps: z.array(planStep).max(100) }),
  'step.updated': z.object({
    type: z.literal('step.updated'),
    stepId: id,
    status: z.enum(STEP_STATUSES),
    error: z.string().optional(),
    durationMs: z.number().nonnegative().optional()
  }),
  'reasoning.delta': z.object({ type: z.literal('reasoning.delta'), messageId: id, delta: z.string() }),
  'tool.started': z.object({
    type: z.literal('tool.started'),
    toolCallId: id,
    name: z.string(),
    source: z.enum(TOOL_SOURCES),
    effect: z.enum(TOOL_EFFECTS),
    serverId: z.string().optional(),
    stepId: z.string().optional(),
    input: z.unknown()
  }),
  'tool.finished': z.object({
    type: z.literal('tool.finished'),
    toolCallId: id,
    status: z.enum(TOOL_STATUSES),
    output: z.unknown().optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    durationMs: z.number().nonnegative(),
    truncated: z.boolean().optional()
  }),
  'tool.approval_requested': z.object({
    type: z.literal('tool.approval_requested'),
    toolCallId: id,
    name: z.string(),
    input: z.unknown(),
    expiresAt: z.string()
  }),
  'tool.approval_resolved': z.object({
    type: z.literal('tool.approval_resolved'),
    toolCallId: id,
    decision: z.enum(['approved', 'denied']),
    actor: z.string()
  }),
  'message.started': z.object({ type: z.literal('message.started'), messageId: id }),
  'message.delta': z.object({ type: z.literal('message.delta'), messageId: id, delta: z.string() }),
  'message.completed': z.object({
    type: z.literal('message.completed'),
    messageId: id,
    /** The whole text, so that a lost delta can never corrupt what a client keeps. */
    content: z.string(),
    finishReason
  }),
  'execution.fallback': z.object({
    type: z.literal('execution.fallback'),
    from: mode,
    to: mode,
    reason: z.string(),
    reasonCode: z.string(),
    attempt: z.int().positive(),
    discardedMessageIds: z.array(id),
    discardedToolCallIds: z.array(id)
  }),
  'usage.updated': usageSchema.extend({ type: z.literal('usage.updated') }),
  'execution.completed': z.object({
    type: z.literal('execution.completed'),
    finishReason,
    usage: usageSchema,
    mode,
    attempts: z.int().positive(),
    latencyMs: z.number().nonnegative()
  }),
  'execution.failed': z.object({
    type: z.literal('execution.failed'),
    error: eventErrorSchema,
    usage: usageSchema.optional()
  }),
  'execution.cancelled': z.object({
    type: z.literal('execution.cancelled'),
    reason: z.enum(CANCEL_REASONS),
    usage: usageSchema.optional()
  }),
  /** Only from runtime to api: this process is going away, the run can be taken up elsewhere. */
  'execution.interrupted': z.object({ type: z.literal('execution.interrupted'), reason: z.string() })
} as const

/** One event of an execution, before it has a place in a stream. */
export const chatEventBodySchema = z.discriminatedUnion('type', [
  bodies['execution.started'],
  bodies['plan.updated'],
  bodies['step.updated'],
  bodies['reasoning.delta'],
  bodies['tool.started'],
  bodies['tool.finished'],
  bodies['tool.approval_requested'],
  bodies['tool.approval_resolved'],
  bodies['message.started'],
  bodies['message.delta'],
  bodies['message.completed'],
  bodies['execution.fallback'],
  bodies['usage.updated'],
  bodies['execution.completed'],
  bodies['execution.failed'],
  bodies['execution.cancelled'],
  bodies['execution.interrupted']
])

const place = {
  /** Place in the stream of one execution: 1, 2, 3, ... without gaps; also the SSE `id`. */
  seq: z.int().positive(),
  /** When it happened, milliseconds since the epoch. */
  ts: z.int().nonnegative()
}

/** One event as clients see it: version 1, only ever extended by new types and optional fields. */
export const chatEventSchema = z.intersection(chatEventBodySchema, z.object(place))

export type Usage = z.infer<typeof usageSchema>
export type FinishReason = z.infer<typeof finishReason>
export type EventError = z.infer<typeof eventErrorSchema>
export type PlanStep = z.infer<typeof planStep>
export type ChatEventBody = z.infer<typeof chatEventBodySchema>
export type ChatEvent = ChatEventBody & { seq: number; ts: number }
export type ChatEventType = ChatEventBody['type']
export type ChatEventOf<T extends ChatEventType> = Extract<ChatEventBody, { type: T }>
export type CancelReason = (typeof CANCEL_REASONS)[number]
export type ToolEffect = (typeof TOOL_EFFECTS)[number]
export type ToolStatus = (typeof TOOL_STATUSES)[number]

const TERMINAL: ReadonlySet<ChatEventType> = new Set<ChatEventType>([
  'execution.completed',
  'execution.failed',
  'execution.cancelled'
])

/** Whether this event ends its stream. Each stream has exactly one such event, and it is the last. */
export function isTerminal(event: { type: ChatEventType }): boolean {
  return TERMINAL.has(event.type)
}
