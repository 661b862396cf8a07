import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { agentRoutes } from './agents.ts'
import { chatRoutes } from './chat.ts'
import { executionRoutes } from './executions.ts'
import { runtimeRoutes } from './runtime.ts'
import { sessionRoutes } from './sessions.ts'
import { tokenRoutes } from './tokens.ts'

/** Everything under /api/v1. */
export const v1Routes: FastifyPluginAsyncZod = async (app) => {
  await app.register(organizationRoutes)
  await app.register(runtimeRoutes, { prefix: '/runtime' })
}

/** What organisations and their end users call; none of it answers a caller who is not known. */
const organizationRoutes: FastifyPluginAsyncZod = async (app) => {
  app.addHook('onRequest', app.authenticate)
  app.addHook('onRequest', app.limitOrgRate)

  await app.register(chatRoutes)
  await app.register(executionRoutes)
  await app.register(sessionRoutes)
  await app.register(agentRoutes)
  await app.register(tokenRoutes)
}
