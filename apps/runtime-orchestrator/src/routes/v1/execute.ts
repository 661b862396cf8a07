import {
  type ExecuteRequest,
  envelope,
  executeRequestSchema,
  executeResultSchema,
  HEADERS
} from '@semibot/chat-protocol'
import { createSseWriter, type Drain, RequestError } from '@semibot/service-kit'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DRAINING_RETRY_AFTER_SECONDS, HEARTBEAT_MS } from '../../constants/config.ts'
import type { Execution, ExecutionCall, ExecutionEngine, ExecutionReport } from '../../engine/execution-engine.ts'
import { requireKept, streamEvents } from '../../engine/stream-events.ts'
import type { Capacity, Elsewhere } from '../../plugins/capacity.ts'
import { BUILTIN_TOOLS } from '../../tools/builtin-tools.ts'
import type { ToolCatalogue } from '../../tools/catalogue.ts'
import type { Peers } from '../../workers/peers.ts'
import { executeHeadersSchema, readCall } from './read-call.ts'

export interface ExecuteRoutesOptions {
  engine: ExecutionEngine
  capacity: Capacity
  drain: Drain
  tools: ToolCatalogue
  /** Longest execution, milliseconds. */
  timeoutMs: number
  /** The other workers, when there are any. */
  peers?: Peers | undefined
}

/** Runs an agent: as a stream of events, or as one answer at the end. */
export const executeRoutes: FastifyPluginAsyncZod<ExecuteRoutesOptions> = async (app, options) => {
  const { engine, capacity, drain, tools, timeoutMs, peers } = options
  const request = { body: executeRequestSchema, headers: executeHeadersSchema }

  app.post('/execute/stream', { schema: request }, async (call, reply) => {
    const { body } = call
    const resumes = call.headers[HEADERS.resume] === '1'
    const execution = await begin(body, readCall(call, timeoutMs), resumes)
    if ('port' in execution) return await peers?.forward(call, reply, execution.port)
    const { events } = execution
    // Whoever does not resume takes what comes for the whole answer.
    if (!resumes) requireKept(events, 0)
    reply.header(HEADERS.executionId, body.executionId)
    const writer = createSseWriter(reply, { heartbeatMs: HEARTBEAT_MS })
    const leave = execution.attend(writer)
    drain.track({ raw: writer.raw, finish: () => engine.interrupt(body.executionId, 'shutdown') })
    // Whoever resumes has heard some of it: it is told what there is, not told it all again.
    const isLate = !events.ended && (events.firstSeq > 1 || (resumes && execution.isAnswering))
    // Number and text of one moment: the next event goes on from both.
    const stop = isLate
      ? streamEvents(events, writer, events.lastSeq, execution.digest())
      : streamEvents(events, writer, 0)
    await writer.closed
    stop()
    leave()
  })

  const answer = { ...request, response: { 200: envelope(executeResultSchema) } }

  app.post('/execute', { schema: answer }, async (call, reply) => {
    const { body } = call
    const execution = await begin(body, readCall(call, timeoutMs))
    // Hijacked: what is returned is not sent.
    if ('port' in execution) return (await peers?.forward(call, reply, execution.port)) as never
    const leave = execution.attend()
    // The caller may have left while a place was asked for.
    if (reply.raw.closed) leave()
    else reply.raw.once('close', leave)
    drain.track({ raw: reply.raw, finish: () => engine.interrupt(body.executionId, 'shutdown') })
    reply.header(HEADERS.executionId, body.executionId)
    return { success: true as const, data: toResult(execution, await execution.ended) }
  })

  async function begin(body: ExecuteRequest, call: ExecutionCall, resumes = false): Promise<Execution | Elsewhere> {
    refuseUnknownTools(body.agent.tools, tools)
    const running = find(body, call, resumes)
    if (running !== undefined) return running
    const place = await capacity.take(body.executionId, body.orgId)
    if (place.kind === 'elsewhere') return place
    try {
      // The same call may have come twice, and the other one been quicker to get its place.
      const begun = find(body, call, resumes)
      const execution = begun ?? (resumes ? engine.resume(body, call) : engine.start(body, call))
      void execution.ended.then(place.giveBack)
      return execution
    } catch (error) {
      place.giveBack()
      throw error
    }
  }

  function find(body: ExecuteRequest, { attempt }: ExecutionCall, resumes: boolean): Execution | undefined {
    const known = engine.find(body, attempt)
    // What has ended here, by an interruption for instance, goes on all the same when that is asked for.
    return resumes && known?.events.ended ? undefined : known
  }
}

function refuseUnknownTools(names: readonly string[], tools: ToolCatalogue): void {
  const unknown = new Set(tools.unknown(names))
  if (unknown.size === 0) return
  const details = names.flatMap((name, index) =>
    unknown.has(name) ? [{ path: `agent.tools.${index}`, message: `unknown tool ${JSON.stringify(name)}` }] : []
  )
  const known = `${BUILTIN_TOOLS.join(', ')}, and those of the configured MCP servers`
  throw new RequestError('VALIDATION_FAILED', `agent.tools: unknown tool; known are ${known}.`, { details })
}

function toResult({ content }: Execution, report: ExecutionReport) {
  const { executionId, status, finishReason, usage, error } = report
  if (error !== null) throw new RequestError(error.code, error.message)
  if (status === 'interrupted')
    throw new RequestError('SHUTTING_DOWN', 'This runtime is shutting down.', {
      retryAfterSeconds: DRAINING_RETRY_AFTER_SECONDS
    })
  if (finishReason === null) throw new RequestError('LIMIT_EXCEEDED', 'The execution was cancelled.')
  return { executionId, content, finishReason, usage: usage ?? { inputTokens: 0, outputTokens: 0, totalTokens: 0 } }
}
