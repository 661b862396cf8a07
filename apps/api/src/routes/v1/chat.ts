import { agent2uiContinueSchema, agent2uiStartSchema, chatRequestSchema, idSchema } from '@semibot/chat-protocol'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { handleChatCall } from '../../chat/chat-call.ts'
import { agent2uiFace } from '../../faces/agent2ui.ts'
import { nativeFace } from '../../faces/native.ts'
import { CHAT_DOCS } from '../../openapi/chat-docs.ts'

/** Chat calls: `POST /api/v1/chat`, and the two routes that speak Agent2UI frames. */
export const chatRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post('/chat', { schema: { ...CHAT_DOCS.chat, body: chatRequestSchema } }, (request, reply) => {
    const { stream, onDisconnect, ...body } = request.body
    return handleChatCall(app.chat, request, reply, { face: nativeFace, stream, onDisconnect, body })
  })

  app.post('/chat/start', { schema: { ...CHAT_DOCS.start, body: agent2uiStartSchema } }, (request, reply) =>
    handleChatCall(app.chat, request, reply, {
      face: agent2uiFace,
      stream: true,
      onDisconnect: agent2uiFace.onDisconnect,
      body: request.body
    })
  )

  app.post(
    '/chat/sessions/:sessionId',
    {
      schema: {
        ...CHAT_DOCS.continue,
        params: z.object({ sessionId: idSchema }),
        body: agent2uiContinueSchema
      }
    },
    (request, reply) =>
      handleChatCall(app.chat, request, reply, {
        face: agent2uiFace,
        stream: true,
        onDisconnect: agent2uiFace.onDisconnect,
        body: { sessionId: request.params.sessionId, message: request.body.message }
      })
  )
}
