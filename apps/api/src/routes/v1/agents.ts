import {
  agentReferenceSchema,
  agentSchema,
  createAgentSchema,
  envelope,
  updateAgentSchema
} from '@semibot/chat-protocol'
import { type Agent, createAgent, deleteAgent, findAgent, isAgentInUse, listAgents, updateAgent } from '@semibot/db'
import { RequestError } from '@semibot/service-kit'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { isOrgAdmin } from '../../auth/caller.ts'

const params = z.object({ agentId: agentReferenceSchema })
const tags = ['agents']
/** Every organisation keeps these: sessions begin with them, and the docs name them. */
const BUILT_IN = new Set(['default', 'assistant'])

/** Agents of an organisation: everybody may read them, its admins may change them. */
export const agentRoutes: FastifyPluginAsyncZod = async (app) => {
  const { db, env } = app
  const one = { 200: envelope(agentSchema) }

  app.get(
    '/agents',
    {
      schema: {
        tags,
        summary: 'Agents of the organisation, by slug',
        response: { 200: envelope(z.array(agentSchema)) }
      }
    },
    async ({ caller }) => ({ success: true as const, data: (await listAgents(db, caller.orgId)).map(toBody) })
  )

  app.get(
    '/agents/:agentId',
    { schema: { tags, summary: 'One agent, by id or slug', params, response: one } },
    (request) => find(request).then(toAnswer)
  )

  app.post(
    '/agents',
    {
      onRequest: requireOrgAdmin,
      schema: {
        tags,
        summary: 'Add an agent',
        body: createAgentSchema,
        response: { 201: envelope(agentSchema) }
      }
    },
    async ({ caller, body }, reply) => {
      checkModel(body.model)
      const agent = await createAgent(db, caller.orgId, body)
      return reply.code(201).send(toAnswer(agent))
    }
  )

  app.patch(
    '/agents/:agentId',
    {
      onRequest: requireOrgAdmin,
      schema: { tags, summary: 'Change the given fields of an agent', params, body: updateAgentSchema, response: one }
    },
    async (request) => {
      checkModel(request.body.model)
      const { id } = await find(request)
      return toAnswer(await updateAgent(db, request.caller.orgId, id, request.body))
    }
  )

  app.delete(
    '/agents/:agentId',
    {
      onRequest: requireOrgAdmin,
      schema: {
        tags,
        summary: 'Delete an agent that no session uses',
        params,
        response: { 204: z.undefined().describe('Deleted') }
      }
    },
    async (request, reply) => {
      const { id, slug } = await find(request)
      if (BUILT_IN.has(slug)) {
        throw new RequestError('FORBIDDEN', `Agent ${slug} is built in and cannot be deleted; it can be changed.`)
      }
      if (await isAgentInUse(db, request.caller.orgId, id)) {
        const message = `Agent ${slug} answers sessions that exist; delete those first.`
        throw new RequestError('VALIDATION_FAILED', message, { status: 409 })
      }
      if (!(await deleteAgent(db, request.caller.orgId, id))) throw noSuchAgent()
      return reply.code(204).send()
    }
  )

  async function find({ caller, params }: FastifyRequest<{ Params: { agentId: string } }>): Promise<Agent> {
    const agent = await findAgent(db, caller.orgId, params.agentId)
    if (agent === undefined) throw noSuchAgent()
    return agent
  }

  function checkModel(model: string | null | undefined): void {
    if (model === undefined || model === null || env.LLM_MODELS.includes(model)) return
    const message = `must be one of: ${env.LLM_MODELS.join(', ')}`
    throw new RequestError('VALIDATION_FAILED', `model ${message}.`, { details: [{ path: 'model', message }] })
  }
}

async function requireOrgAdmin({ caller }: FastifyRequest): Promise<void> {
  if (!isOrgAdmin(caller)) throw new RequestError('FORBIDDEN', 'Only an admin of the organisation may change agents.')
}

function noSuchAgent(): RequestError {
  return new RequestError('NOT_FOUND', 'There is no agent with this id or slug; GET /api/v1/agents lists them.')
}

function toAnswer(agent: Agent | undefined) {
  if (agent === undefined) throw noSuchAgent()
  return { success: true as const, data: toBody(agent) }
}

function toBody({ createdAt, updatedAt, ...agent }: Agent) {
  return { ...agent, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}
