import {
  durableRunCancelledSchema,
  durableRunDetailSchema,
  durableRunSchema,
  durableRunsQuerySchema,
  envelope,
  idSchema,
  unknownStepSchema
} from '@semibot/chat-protocol'
import { cancelRun, type DurableRun, findDurableRun, listDurableRuns, listUnknownSteps } from '@semibot/db'
import { RequestError } from '@semibot/service-kit'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { findOrganizationOrThrow } from './find-organization.ts'

const tags = ['runtime']
const params = z.object({ id: idSchema })
const MAX_UNKNOWN = 200

/** The durable executions of the runtimes, of all organisations: nothing of what was said in them. */
export const executionsRoutes: FastifyPluginAsyncZod = async (app) => {
  const list = {
    tags,
    summary: 'Durable executions, newest first',
    description:
      'Executions of agents with tools, from their first tool call on. One that was ended before it is there as ' +
      'cancelled, without steps, so that no process begins it any more.',
    querystring: durableRunsQuerySchema,
    response: { 200: envelope(z.array(durableRunSchema)) }
  }
  app.get('/executions', { schema: list }, async ({ query: { orgId, status, limit } }) => {
    const org = orgId === undefined ? undefined : await findOrganizationOrThrow(app.backgroundDb, orgId)
    const runs = await listDurableRuns(app.backgroundDb, { status, limit, orgId: org?.id })
    return { success: true as const, data: runs.map(toBody) }
  })

  const unknown = {
    tags,
    summary: 'Tool calls whose result is unknown, newest first',
    description: 'They were under way when their process died, may have taken effect, and are never run again.',
    response: { 200: envelope(z.array(unknownStepSchema)) }
  }
  app.get('/executions/unknown', { schema: unknown }, async () => {
    const steps = await listUnknownSteps(app.backgroundDb, { limit: MAX_UNKNOWN })
    const data = steps.map(({ beganAt, ...step }) => ({ ...step, beganAt: beganAt.toISOString() }))
    return { success: true as const, data }
  })

  const one = {
    tags,
    summary: 'One durable execution with its steps',
    params,
    response: { 200: envelope(durableRunDetailSchema) }
  }
  app.get('/executions/:id', { schema: one }, async ({ params: { id } }) => {
    const run = (await findDurableRun(app.backgroundDb, id)) ?? unknownRun(id)
    const stepList = run.stepList.map(({ beganAt, recordedAt, ...step }) => ({
      ...step,
      beganAt: beganAt.toISOString(),
      recordedAt: recordedAt?.toISOString() ?? null
    }))
    return { success: true as const, data: { ...toBody(run), stepList } }
  })

  const cancel = {
    tags,
    summary: 'Cancels a durable execution, whichever process has it',
    params,
    response: { 202: envelope(durableRunCancelledSchema) }
  }
  app.post('/executions/:id/cancel', { schema: cancel }, async ({ params: { id } }, reply) => {
    const status = (await cancelRun(app.backgroundDb, id)) ?? unknownRun(id)
    return reply.status(202).send({ success: true, data: { executionId: id, status } })
  })
}

function toBody({ createdAt, endedAt, ...run }: DurableRun) {
  return { ...run, createdAt: createdAt.toISOString(), endedAt: endedAt?.toISOString() ?? null }
}

function unknownRun(id: string): never {
  throw new RequestError('NOT_FOUND', `There is no durable execution ${id}.`)
}
