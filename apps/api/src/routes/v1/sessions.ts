import {
  createSessionSchema,
  envelope,
  idSchema,
  listEnvelope,
  messageSchema,
  pageQuerySchema,
  sessionSchema,
  updateSessionSchema
} from '@semibot/chat-protocol'
import {
  createSession,
  deleteSession,
  findAgent,
  findRunningExecution,
  getSession,
  listMessages,
  listSessions,
  type Message,
  type Page,
  renameSession,
  type Session
} from '@semibot/db'
import { RequestError } from '@semibot/service-kit'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { LOG } from '../../constants/log-messages.ts'

const DEFAULT_AGENT = 'default'
const params = z.object({ sessionId: idSchema })
const tags = ['sessions']

/** Sessions and their messages: an end user sees its own, a service without x-user-id the whole organisation's. */
export const sessionRoutes: FastifyPluginAsyncZod = async (app) => {
  const { db, reads } = app

  app.get(
    '/sessions',
    {
      schema: {
        tags,
        summary: 'Sessions, newest first',
        querystring: pageQuerySchema,
        response: { 200: listEnvelope(sessionSchema) }
      }
    },
    async ({ caller, query }) =>
      toList(await reads.read((db) => listSessions(db, caller.orgId, caller.userId, query)), toBody)
  )

  app.post(
    '/sessions',
    {
      schema: {
        tags,
        summary: 'Begin an empty session',
        description: 'Not needed before a chat: POST /api/v1/chat without sessionId begins a session by itself.',
        body: createSessionSchema,
        response: { 201: envelope(sessionSchema) }
      }
    },
    async ({ caller, body }, reply) => {
      const agent = await findAgent(db, caller.orgId, body.agentId ?? DEFAULT_AGENT)
      if (agent === undefined) {
        const message = 'There is no agent with this id or slug; GET /api/v1/agents lists them.'
        throw new RequestError('NOT_FOUND', message, { details: [{ path: 'agentId', message }] })
      }
      const session = await createSession(db, caller.orgId, {
        agentId: agent.id,
        userId: caller.userId,
        title: body.title
      })
      return reply.code(201).send({ success: true, data: toBody(session) })
    }
  )

  app.get(
    '/sessions/:sessionId',
    { schema: { tags, summary: 'One session', params, response: { 200: envelope(sessionSchema) } } },
    async ({ caller: { orgId, userId }, params: { sessionId } }) =>
      toAnswer(await reads.read((db) => getSession(db, orgId, userId, sessionId)))
  )

  app.patch(
    '/sessions/:sessionId',
    {
      schema: {
        tags,
        summary: 'Give a session another title',
        params,
        body: updateSessionSchema,
        response: { 200: envelope(sessionSchema) }
      }
    },
    async ({ caller, params: { sessionId }, body }) =>
      toAnswer(await renameSession(db, caller.orgId, caller.userId, sessionId, body.title))
  )

  app.delete(
    '/sessions/:sessionId',
    {
      schema: {
        tags,
        summary: 'Delete a session with its messages',
        params,
        response: { 204: z.undefined().describe('Deleted') }
      }
    },
    async ({ caller, params: { sessionId } }, reply) => {
      if (!(await deleteSession(db, caller.orgId, caller.userId, sessionId))) throw noSuchSession()
      await stopAnswer(caller.orgId, sessionId).catch((error: unknown) =>
        app.log.warn({ err: error, orgId: caller.orgId, sessionId }, LOG.deletedRunsOn)
      )
      return reply.code(204).send()
    }
  )

  app.get(
    '/sessions/:sessionId/messages',
    {
      schema: {
        tags,
        summary: 'Messages of a session, newest first',
        params,
        querystring: pageQuerySchema,
        response: { 200: listEnvelope(messageSchema) }
      }
    },
    async ({ caller: { orgId, userId }, params: { sessionId }, query }) => {
      const page = await reads.read((db) => listMessages(db, orgId, userId, sessionId, query))
      if (page === undefined) throw noSuchSession()
      return toList(page, toMessageBody)
    }
  )

  /** Nobody can see the answer of a deleted session any more, so nobody pays for it, whichever process runs it. */
  async function stopAnswer(orgId: string, sessionId: string): Promise<void> {
    const executionId = await findRunningExecution(db, orgId, sessionId)
    if (executionId === undefined) return
    const here = app.chat.running.get(executionId)
    if (here === undefined) await app.chat.cancelElsewhere(executionId)
    else here.cancel('user')
  }
}

function noSuchSession(): RequestError {
  return new RequestError('NOT_FOUND', 'There is no such session.')
}

function toBody({ id, agentId, title, status, createdAt, updatedAt }: Session) {
  return { id, agentId, title, status, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}

function toMessageBody({ id, seq, role, content, status, executionId, createdAt }: Message) {
  return { id, seq, role, content, status, executionId, createdAt: createdAt.toISOString() }
}

function toAnswer(session: Session | undefined) {
  if (session === undefined) throw noSuchSession()
  return { success: true as const, data: toBody(session) }
}

function toList<T, B>({ items, nextCursor }: Page<T>, toItem: (item: T) => B) {
  return { success: true as const, data: items.map(toItem), meta: { nextCursor, hasMore: nextCursor !== null } }
}
