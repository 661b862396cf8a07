import { randomUUID } from 'node:crypto'
import { envelope } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { ExecutionEngine } from '../engine/execution-engine.ts'
import type { Capacity } from '../plugins/capacity.ts'

export interface ProbeRoutesOptions {
  /** Runs executions of `probeRunner`, apart from those that are counted and logged. */
  engine: ExecutionEngine
  capacity: Capacity
  instance: string
}

const NIL = '00000000-0000-0000-0000-000000000000'
const PROBE_BUDGET_MS = 1_000

const probeSchema = z.object({
  instance: z.string(),
  latencyMs: z.number(),
  inFlight: z.int(),
  inFlightLimit: z.int()
})

/**
 * One whole execution with a tool call but without a model: says whether this process could run one now.
 * Answers 503 as an execution would when there is no place or when the process goes away.
 */
export const probeRoutes: FastifyPluginAsyncZod<ProbeRoutesOptions> = async (app, { engine, capacity, instance }) => {
  app.post('/internal/probe', { schema: { response: { 200: envelope(probeSchema) } } }, async ({ id, traceparent }) => {
    const inFlight = await capacity.check()
    const started = performance.now()
    const ids = { executionId: randomUUID(), orgId: NIL, sessionId: NIL, userId: null, messageId: NIL }
    const agent = { id: 'probe', slug: 'probe', systemPrompt: '', model: 'none', tools: [] }
    const call = { requestId: id, traceparent, attempt: 1, budgetMs: PROBE_BUDGET_MS }
    const execution = engine.start({ ...ids, message: '6*7', history: [], agent }, call)
    const { error } = await execution.ended
    if (error !== null) throw new RequestError(error.code, error.message)
    const latencyMs = Math.round(performance.now() - started)
    const data = { instance, latencyMs, inFlight, inFlightLimit: capacity.limit }
    return { success: true as const, data }
  })
}
