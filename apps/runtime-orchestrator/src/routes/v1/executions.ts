import { ERROR_CODES, envelope, FINISH_REASONS, HEADERS, idSchema, usageSchema } from '@semibot/chat-protocol'
import { createSseWriter, type Drain, RequestError } from '@semibot/service-kit'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { HEARTBEAT_MS } from '../../constants/config.ts'
import type { ExecutionEngine, ExecutionReport } from '../../engine/execution-engine.ts'
import { requireKept, streamEvents } from '../../engine/stream-events.ts'
import type { Peers } from '../../workers/peers.ts'

export interface ExecutionRoutesOptions {
  engine: ExecutionEngine
  drain: Drain
  /** The other workers, when there are any. */
  peers?: Peers | undefined
}

const params = z.object({ id: idSchema })
const place = z.coerce.number('must be the number of an event').int().min(0)

const reportSchema = z.object({
  executionId: z.string(),
  orgId: z.string(),
  sessionId: z.string(),
  messageId: z.string(),
  attempt: z.int(),
  status: z.enum(['running', 'completed', 'failed', 'cancelled', 'interrupted']),
  lastSeq: z.int(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  finishReason: z.enum(FINISH_REASONS).nullable(),
  usage: usageSchema.nullable(),
  error: z.object({ code: z.enum(ERROR_CODES), message: z.string(), origin: z.string() }).nullable()
})

/** Asks for, follows and stops an execution that this runtime runs or ran a short while ago, in whichever worker. */
export const executionRoutes: FastifyPluginAsyncZod<ExecutionRoutesOptions> = async (app, options) => {
  const { engine, drain, peers } = options
  if (peers !== undefined) {
    app.addHook<{ Params: { id: string } }>('preHandler', async (request, reply) => {
      const { id } = request.params
      if (engine.status(id) !== undefined || peers.isForwarded(request)) return
      const port = await peers.find(id)
      if (port !== null) await peers.forward(request, reply, port)
    })
  }

  app.get('/executions/:id', { schema: { params, response: { 200: envelope(reportSchema) } } }, async (request) => {
    const { startedAt, endedAt, ...report } = find(request, request.params.id)
    const times = { startedAt: toIso(startedAt), endedAt: endedAt === null ? null : toIso(endedAt) }
    return { success: true as const, data: { ...report, ...times } }
  })

  const querystring = z.object({ after: place.optional() })

  app.get('/executions/:id/events', { schema: { params, querystring } }, async (request, reply) => {
    const { id } = request.params
    find(request, id)
    const events = engine.stream(id)!
    const after = Math.min(request.query.after ?? lastEventId(request), events.lastSeq)
    requireKept(events, after)
    reply.header(HEADERS.executionId, id)
    const writer = createSseWriter(reply, { heartbeatMs: HEARTBEAT_MS })
    drain.track({ raw: writer.raw, finish: () => engine.interrupt(id, 'shutdown') })
    const stop = streamEvents(events, writer, after)
    await writer.closed
    stop()
  })

  // Nothing at all is a cancel by the user: the body is optional.
  const body = z.object({ reason: z.enum(['user', 'admin', 'disconnect']).default('user') }).nullish()
  const cancelled = envelope(z.object({ executionId: z.string(), status: reportSchema.shape.status }))

  app.post(
    '/executions/:id/cancel',
    { schema: { params, body, response: { 202: cancelled } } },
    async (request, reply) => {
      const { executionId } = find(request, request.params.id)
      await engine.cancel(executionId, request.body?.reason ?? 'user')
      const status = engine.status(executionId)?.status ?? 'cancelled'
      return reply.status(202).send({ success: true, data: { executionId, status } })
    }
  )

  function find({ headers }: Pick<FastifyRequest, 'headers'>, id: string): ExecutionReport {
    const report = engine.status(id)
    const orgId = headers[HEADERS.orgId]?.toString().toLowerCase()
    // Another organisation's execution is as unknown as one that never was.
    if (report === undefined || (orgId !== undefined && orgId !== report.orgId))
      throw new RequestError('NOT_FOUND', `No execution ${id} is known to this runtime.`)
    return report
  }
}

/** Where a reconnecting client stopped; 0, the beginning, when it says nothing or nonsense. */
function lastEventId({ headers }: Pick<FastifyRequest, 'headers'>): number {
  const given = headers['last-event-id']
  return typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : 0
}

function toIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
