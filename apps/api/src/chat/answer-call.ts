import { type ChatEvent, HEADERS, isTerminal, SSE_HEADERS } from '@semibot/chat-protocol'
import { DatabaseTimeoutError, DatabaseUnavailableError, type ExecutionRecord } from '@semibot/db'
import { bodyOf, type Drain, RequestError } from '@semibot/service-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Face } from '../faces/face.ts'
import type { ChatServices } from './chat-services.ts'
import type { EventLog, ExecutionEvents } from './event-log.ts'
import type { Handover } from './hand-over.ts'
import { type FinishedExecution, resultOf, waitForEnd } from './json-reply.ts'
import type { RunningExecutions } from './running-executions.ts'
import { storedEvents } from './stored-events.ts'
import { modeHeaders, streamReply } from './stream-reply.ts'

export interface AnswerServices {
  events: EventLog
  running: RunningExecutions
  handover: Handover
  drain: Drain
  findExecution: ChatServices['findExecution']
  /** Events of an execution that another api process runs, after the given one; undefined when they are not to be had. */
  follow: (executionId: string, after: number) => Promise<ExecutionEvents | undefined>
  /** Asks the other api processes to cancel an execution that one of them runs. */
  cancelElsewhere: (executionId: string) => Promise<void>
}

export interface AnswerOptions {
  face: Face
  stream: boolean
  onDisconnect: 'detach' | 'cancel'
  /** Number of the last event that the client has. */
  after?: number
}

/** Answers with the events of an execution of this process, as a stream or as one JSON body. */
export async function answerExecution(
  services: AnswerServices,
  request: FastifyRequest,
  reply: FastifyReply,
  events: ExecutionEvents,
  options: AnswerOptions
) {
  const { executionId, sessionId } = events
  reply.headers({ [HEADERS.executionId]: executionId, [HEADERS.sessionId]: sessionId })
  const cancel = () => services.running.get(executionId)?.cancel('disconnect')
  const onDisconnect = options.onDisconnect === 'cancel' ? cancel : undefined
  const finish = async () => {
    await services.handover.end(executionId)
    // Another process runs it, and tells the rest to whoever asks there.
    if (!events.ended) events.fail()
  }
  if (options.stream) {
    return streamReply(reply, events, {
      face: options.face,
      context: { sessionId, executionId, requestId: request.id },
      after: options.after ?? 0,
      drain: services.drain,
      finish,
      ...(onDisconnect === undefined ? {} : { onDisconnect })
    })
  }

  if (onDisconnect !== undefined) {
    const raw = bodyOf(reply.raw)
    // Who left while the call was accepted is not heard of again.
    if (raw.destroyed) onDisconnect()
    else {
      raw.once('close', () => {
        if (!raw.writableFinished) onDisconnect()
      })
    }
  }
  services.drain.track({ raw: reply.raw, finish })
  const end = await waitForEnd(events)
  reply.headers(modeHeaders(events))
  return { success: true as const, data: resultOf(end) }
}

/**
 * Whether the execution may still be shown: its session may have been deleted since its events were kept. While
 * the database does not answer, what is kept is shown to whom it belongs.
 */
export async function isVisible(
  services: Pick<AnswerServices, 'findExecution'>,
  scope: { orgId: string; userId: string | null },
  executionId: string
): Promise<boolean> {
  try {
    return (await services.findExecution(scope, executionId)) !== undefined
  } catch (error) {
    if (error instanceof DatabaseUnavailableError || error instanceof DatabaseTimeoutError) return true
    throw error
  }
}

/** Whether the database says that the execution has not ended. */
export async function isStillRunning(
  services: Pick<AnswerServices, 'findExecution'>,
  scope: { orgId: string; userId: string | null },
  executionId: string
): Promise<boolean> {
  const record = await services.findExecution(scope, executionId)
  return record !== undefined && isRunning(record)
}

function isRunning({ status }: ExecutionRecord): boolean {
  return status === 'running' || status === 'waiting_approval'
}

/** Answers with an execution that has ended and is in no event log any more. */
export async function answerStored(
  services: AnswerServices,
  request: FastifyRequest,
  reply: FastifyReply,
  executionId: string,
  options: AnswerOptions
) {
  const { caller } = request
  const record = await services.findExecution({ orgId: caller.orgId, userId: caller.userId }, executionId)
  if (record === undefined) throw new RequestError('NOT_FOUND', 'There is no such execution.')
  if (isRunning(record)) {
    throw new RequestError(
      'EVENTS_EXPIRED',
      'This execution runs on another server; ask GET /api/v1/chat/executions/:id until it has ended.'
    )
  }
  reply.headers({ [HEADERS.executionId]: executionId, [HEADERS.sessionId]: record.sessionId })
  // What the client has already is not told again; the end always is.
  const events = storedEvents(record, options.after).filter(
    (event) => event.seq > (options.after ?? 0) || isTerminal(event)
  )
  if (!options.stream) return { success: true as const, data: resultOf(endOf(record, events)) }

  const encode = options.face.encoder({ sessionId: record.sessionId, executionId, requestId: request.id })
  return reply.headers(SSE_HEADERS).send(options.face.opening + events.map(encode).join(''))
}

function endOf(record: ExecutionRecord, events: ChatEvent[]): FinishedExecution {
  const terminal = events.find(isTerminal) as FinishedExecution['terminal']
  const { id: executionId, sessionId, messageId } = record
  return { executionId, sessionId, messageId, content: record.content ?? '', terminal }
}
