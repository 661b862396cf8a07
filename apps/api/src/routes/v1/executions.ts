import { envelope, executionSchema, idSchema } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { answerExecution, answerStored, isVisible } from '../../chat/answer-call.ts'
import { describeExecution } from '../../chat/describe-execution.ts'
import { nativeFace } from '../../faces/native.ts'
import { CHAT_DOCS } from '../../openapi/chat-docs.ts'

const params = z.object({ executionId: idSchema })
const seq = z
  .string()
  .regex(/^\d{1,10}$/, 'must be the number of an event')
  .transform(Number)

/** What became of a chat: its state, its events again, its end. */
export const executionRoutes: FastifyPluginAsyncZod = async (app) => {
  const { chat } = app

  app.get(
    '/chat/executions/:executionId',
    { schema: { ...CHAT_DOCS.execution, params, response: { 200: envelope(executionSchema) } } },
    async (request) => {
      const { executionId } = request.params
      const record = await chat.findExecution(scopeOf(request), executionId)
      if (record === undefined) throw notFound()
      return { success: true as const, data: describeExecution(record, chat.events.get(executionId)) }
    }
  )

  app.get(
    '/chat/executions/:executionId/events',
    { schema: { ...CHAT_DOCS.events, params, querystring: z.object({ after: seq.optional() }) } },
    async (request, reply) => {
      const { executionId } = request.params
      const options = {
        face: nativeFace,
        stream: true,
        onDisconnect: 'detach' as const,
        after: afterOf(request.headers['last-event-id'], request.query.after)
      }
      const own = chat.events.get(executionId)
      // Adopted a moment ago: what this client has heard already comes here once more; the copy is read from behind it.
      const isAhead = own !== undefined && !own.ended && options.after > own.lastSeq
      const elsewhere = own === undefined || isAhead ? await chat.follow(executionId, options.after) : undefined
      const events = elsewhere ?? own
      if (events === undefined) return answerStored(chat, request, reply, executionId, options)
      if (!(mayRead(request, events) && (await isVisible(chat, scopeOf(request), executionId)))) throw notFound()
      if (events.keeps(options.after)) return answerExecution(chat, request, reply, events, options)
      if (events.ended) return answerStored(chat, request, reply, executionId, options)
      throw new RequestError(
        'EVENTS_EXPIRED',
        `Events after ${options.after} are kept no longer; read on from ?after=${events.lastSeq}, or wait for the end.`
      )
    }
  )

  app.post(
    '/chat/executions/:executionId/cancel',
    { schema: { ...CHAT_DOCS.cancel, params } },
    async (request, reply) => {
      const { executionId } = request.params
      const running = chat.running.get(executionId)
      if (running?.events === undefined) {
        const record = await chat.findExecution(scopeOf(request), executionId)
        if (record === undefined) throw notFound()
        if (record.status === 'running') await chat.cancelElsewhere(executionId)
      } else {
        if (!mayRead(request, running.events)) throw notFound()
        running.cancel('user')
      }
      return reply.code(202).send({ success: true as const, data: { executionId } })
    }
  )
}

function scopeOf({ caller }: FastifyRequest) {
  return { orgId: caller.orgId, userId: caller.userId }
}

function mayRead({ caller }: FastifyRequest, events: { orgId: string; userId: string | null }): boolean {
  return events.orgId === caller.orgId && (caller.userId === null || caller.userId === events.userId)
}

/** Where to read on: the header that browsers send when they connect again, or `?after=`, or the start. */
function afterOf(lastEventId: string | string[] | undefined, after: number | undefined): number {
  if (lastEventId === undefined) return after ?? 0
  const parsed = seq.safeParse(lastEventId)
  if (parsed.success) return parsed.data
  throw new RequestError('VALIDATION_FAILED', 'Last-Event-ID must be the number of an event of this execution.')
}

function notFound(): RequestError {
  return new RequestError('NOT_FOUND', 'There is no such execution.')
}
