import { HEADERS } from '@semibot/chat-protocol'
import { RequestError } from '@semibot/service-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../auth/caller.ts'
import type { Face } from '../faces/face.ts'
import type { Admission } from '../limits/admission.ts'
import type { OrgConcurrency } from '../limits/org-concurrency.ts'
import { type AcceptedChat, type AcceptServices, acceptChat, type ChatCall } from './accept-chat.ts'
import { type AnswerServices, answerExecution, answerStored, isStillRunning, isVisible } from './answer-call.ts'
import type { ChatServices } from './chat-services.ts'
import { decideMode } from './decide-mode.ts'
import type { EventMirror } from './event-mirror.ts'
import { startExecution } from './run-execution.ts'
import type { ShadowRunner } from './shadow.ts'

export interface ChatCallServices extends ChatServices, AcceptServices, AnswerServices {
  admission: Admission
  orgConcurrency: OrgConcurrency
  /** Copies events for the other replicas; null without Redis. */
  mirror: EventMirror | null
  shadow: ShadowRunner
}

/** What a face makes of its request. */
export interface ChatCallOptions {
  face: Face
  /** Events as they come, or one JSON answer at the end. */
  stream: boolean
  onDisconnect: 'detach' | 'cancel'
  body: Pick<ChatCall, 'sessionId' | 'message' | 'agentId' | 'model' | 'clientMessageId'>
}

/** A wait in the queue is short: it need not end early when the caller leaves. */
const NEVER = new AbortController().signal

/**
 * One chat call, for every face: room, acceptance, mode, execution, answer. The room is given back when the
 * execution has ended, not when the client leaves.
 */
export async function handleChatCall(
  services: ChatCallServices,
  request: FastifyRequest,
  reply: FastifyReply,
  options: ChatCallOptions
) {
  const { caller } = request
  const leave = await enter(services, caller)
  let accepted: AcceptedChat
  try {
    accepted = await accept(services, request, options.body)
  } catch (error) {
    leave()
    throw error
  }
  if (accepted.kind === 'replay') {
    leave()
    return answerReplay(services, request, reply, accepted, options)
  }

  const { execution } = accepted
  const decision = decideMode(services, {
    orgId: caller.orgId,
    orgSlug: caller.orgSlug,
    sessionId: execution.sessionId
  })
  const running = startExecution(services, execution, decision, {
    canRetract: options.face.canRetract,
    wholeAnswer: !options.stream
  })
  void running.done.then(leave)
  if (options.stream && options.face.canResume) services.mirror?.add(running.events)
  services.shadow.consider(execution, decision)
  return answerExecution(services, request, reply, running.events, options)
}

/** Takes a place in the process and one in the organisation's share. */
async function enter(services: ChatCallServices, caller: Caller): Promise<() => void> {
  // Accepted now it would fail at once, and its Idempotency-Key would stand for that failure.
  if (services.drain.finishing) {
    services.metrics.requestFinished('rejected')
    throw new RequestError('SHUTTING_DOWN', 'The server is shutting down; send the message again.', {
      retryAfterSeconds: 1
    })
  }
  const leaveOrg = services.orgConcurrency.acquire(caller.orgId)
  if (leaveOrg === null) {
    services.metrics.shed('org_concurrency')
    services.metrics.requestFinished('rejected')
    throw new RequestError('RATE_LIMITED', 'Too many chats of this organisation are running; wait for one to end.', {
      retryAfterSeconds: 1
    })
  }
  try {
    const leaveProcess = await services.admission.acquire(NEVER)
    return () => {
      leaveProcess()
      leaveOrg()
    }
  } catch (error) {
    leaveOrg()
    services.metrics.requestFinished('rejected')
    throw error
  }
}

async function accept(services: ChatCallServices, request: FastifyRequest, body: ChatCallOptions['body']) {
  const idempotencyKey = request.headers[HEADERS.idempotencyKey]
  try {
    return await acceptChat(services, request.caller, {
      ...body,
      idempotencyKey: typeof idempotencyKey === 'string' ? idempotencyKey : undefined,
      requestId: request.id,
      traceparent: request.traceparent
    })
  } catch (error) {
    // What the caller can put right is no failure of ours.
    if (!(error instanceof RequestError)) services.metrics.requestFinished('error')
    throw error
  }
}

/** The call was made before: its execution answers again. */
async function answerReplay(
  services: ChatCallServices,
  request: FastifyRequest,
  reply: FastifyReply,
  replay: Extract<AcceptedChat, { kind: 'replay' }>,
  options: ChatCallOptions
) {
  const { executionId, running } = replay
  const { orgId, userId } = request.caller
  if (!(await isVisible(services, { orgId, userId }, executionId))) {
    throw new RequestError('NOT_FOUND', 'The session that this call was made in is gone.')
  }
  reply.header(HEADERS.idempotencyReplayed, 'true')
  const events = services.events.get(executionId)
  // The first events of a long answer are kept no longer; a JSON answer needs only those that are still to come.
  const isHere = events !== undefined && (events.keeps(0) || !(options.stream || events.ended))
  if (isHere) return answerExecution(services, request, reply, events, options)
  // It may have ended since it was looked up, and what was kept of it is gone.
  if (running && (await isStillRunning(services, { orgId, userId }, executionId))) {
    throw new RequestError('SESSION_BUSY', `Execution ${executionId} of this call is still running.`, {
      retryAfterSeconds: 1
    })
  }
  return answerStored(services, request, reply, executionId, options)
}
