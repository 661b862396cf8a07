import { z } from 'zod'
import { shortText } from './text.ts'

// What operators see of executions that are written down step by step, so that they survive their runtime process.

const durableStatus = z.enum(['running', 'completed', 'failed', 'cancelled'])

/** Query of `GET /api/v1/runtime/executions`. */
export const durableRunsQuerySchema = z.strictObject({
  status: durableStatus.optional(),
  orgId: shortText(100).describe('Id or slug').optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50)
})

/** One durable execution in the operator's list: of an agent with tools, from its first tool call on. */
export const durableRunSchema = z.object({
  executionId: z.string(),
  orgId: z.string(),
  org: z.string().describe('Slug of the organisation'),
  sessionId: z.string(),
  agent: z.string(),
  status: durableStatus,
  owner: z.string().nullable().describe('The runtime process that has it; null while none has'),
  ownerAlive: z.boolean(),
  owners: z.int().describe('How many processes have had it'),
  steps: z.int(),
  unknownSteps: z.int().describe('Tool calls of which nobody knows whether they took effect'),
  createdAt: z.string(),
  endedAt: z.string().nullable()
})

/** `data` of `GET /api/v1/runtime/executions/:id`. */
export const durableRunDetailSchema = durableRunSchema.extend({
  stepList: z.array(
    z.object({
      name: z.string(),
      effect: z.string(),
      status: z.string().nullable().describe('Of the result of a tool'),
      epoch: z.int().describe('Which owner, counted from 1'),
      beganAt: z.string(),
      recordedAt: z.string().nullable().describe('null: under way, or its process died in it')
    })
  )
})

/** A tool call whose result is unknown: an operator has to look whether it took effect. */
export const unknownStepSchema = z.object({
  executionId: z.string(),
  orgId: z.string(),
  org: z.string(),
  sessionId: z.string(),
  toolCallId: z.string(),
  tool: z.string(),
  beganAt: z.string()
})

/** `data` of `POST /api/v1/runtime/executions/:id/cancel`. */
export const durableRunCancelledSchema = z.object({ executionId: z.string(), status: durableStatus })
