import { createHash } from 'node:crypto'
import type { ChatRequest } from '@semibot/chat-protocol'
import type { AcceptResult, AcceptTurn, Agent } from '@semibot/db'
import { RequestError, traced } from '@semibot/service-kit'
import type { ChatExecution } from '../adapters/chat-executor.ts'
import type { Caller } from '../auth/caller.ts'
import { newId } from '../new-id.ts'
import type { ChatServices } from './chat-services.ts'
import { databaseSpan } from './execution-spans.ts'

/** A chat call as every face hands it over. */
export type ChatCall = Pick<ChatRequest, 'sessionId' | 'message' | 'agentId' | 'model' | 'clientMessageId'> & {
  idempotencyKey: string | undefined
  requestId: string
  traceparent: string
}

export interface AcceptServices extends Pick<ChatServices, 'turns' | 'instanceId' | 'running' | 'tracing'> {
  /** Agent of the organisation by id or slug; undefined when there is none. */
  findAgent: (orgId: string, reference: string) => Promise<Agent | undefined>
  defaultModel: string
  allowedModels: ReadonlySet<string>
  historyMessages: number
}

export type AcceptedChat =
  | { kind: 'accepted'; execution: ChatExecution }
  /** The same call was made before; this is its execution. */
  | { kind: 'replay'; executionId: string; sessionId: string; running: boolean }

const DEFAULT_AGENT = 'default'
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/

/**
 * Accepts a chat: idempotency, session, user message and execution are stored in one transaction, and the
 * session is taken until the execution has ended. After this nothing of the call can be lost.
 *
 * @throws RequestError for everything that the caller can put right, and when the session is busy
 */
export async function acceptChat(services: AcceptServices, caller: Caller, call: ChatCall): Promise<AcceptedChat> {
  const model = checkModel(services, call.model)
  const chosen = await chooseAgent(services, caller.orgId, call)
  const createdAt = Date.now()
  const executionId = newId(createdAt)
  const assistantMessageId = newId(createdAt)
  const sessionId = call.sessionId ?? newId(createdAt)

  const turn: AcceptTurn = {
    executionId,
    orgId: caller.orgId,
    userId: caller.userId,
    userScope: caller.userId,
    sessionId,
    newSession: call.sessionId === undefined,
    agentId: chosen?.id ?? null,
    userMessageId: newId(createdAt),
    assistantMessageId,
    content: call.message,
    createdAt,
    owner: services.instanceId,
    historyLimit: services.historyMessages,
    ...(call.clientMessageId === undefined ? {} : { clientMessageId: call.clientMessageId }),
    ...idempotencyOf(caller, call)
  }
  services.running.expect(executionId)
  let accepted: AcceptedChat | undefined
  try {
    accepted = await storeTurn(services, call, turn, { chosen, model })
    return accepted
  } finally {
    // What is accepted begins at once, and asks then whether it was cancelled.
    if (accepted?.kind !== 'accepted') services.running.dismiss(executionId)
  }
}

async function storeTurn(
  services: AcceptServices,
  call: ChatCall,
  turn: AcceptTurn,
  { chosen, model }: { chosen: Agent | undefined; model: string | undefined }
): Promise<AcceptedChat> {
  const { executionId, orgId, sessionId, userId, assistantMessageId: messageId } = turn
  const result = await traced(services.tracing, 'accept_turn', call.traceparent, databaseSpan('accept_turn'), () =>
    services.turns.accept(turn)
  )
  if (result.kind === 'replay') {
    const { status } = result
    const running = status === 'running' || status === 'waiting_approval'
    return { kind: 'replay', executionId: result.executionId, sessionId: result.sessionId, running }
  }
  const accepted = checkAccepted(result)

  const agent = chosen ?? (await agentOfSession(services, turn, accepted.agentId))
  return {
    kind: 'accepted',
    execution: {
      executionId,
      orgId,
      sessionId,
      userId,
      messageId,
      message: call.message,
      history: accepted.history,
      agent: {
        id: agent.id,
        slug: agent.slug,
        systemPrompt: agent.systemPrompt,
        model: model ?? agent.model ?? services.defaultModel,
        tools: agent.tools,
        ...(agent.temperature === null ? {} : { temperature: agent.temperature }),
        ...(agent.maxTokens === null ? {} : { maxTokens: agent.maxTokens })
      },
      requestId: call.requestId,
      traceparent: call.traceparent
    }
  }
}

function checkAccepted(result: Exclude<AcceptResult, { kind: 'replay' }>) {
  switch (result.kind) {
    case 'accepted':
      return result
    case 'idempotency_mismatch':
      throw new RequestError(
        'IDEMPOTENCY_MISMATCH',
        'This Idempotency-Key was used with another request; use a new key for a new request.'
      )
    case 'session_busy':
      throw new RequestError(
        'SESSION_BUSY',
        `Execution ${result.executionId} of this session is still running; wait for it or cancel it.`,
        { retryAfterSeconds: 1, headers: { 'x-should-retry': 'false', 'x-execution-id': result.executionId } }
      )
    case 'session_not_found':
      throw new RequestError('NOT_FOUND', 'There is no such session; leave sessionId out to begin a new one.')
  }
}

function checkModel(services: AcceptServices, model: string | undefined): string | undefined {
  if (model === undefined || services.allowedModels.has(model)) return model
  const message = `must be one of: ${[...services.allowedModels].join(', ')}`
  throw new RequestError('VALIDATION_FAILED', `model ${message}.`, { details: [{ path: 'model', message }] })
}

/** The agent that is named, or the default one for a new session; undefined leaves it to the session. */
async function chooseAgent(services: AcceptServices, orgId: string, call: ChatCall): Promise<Agent | undefined> {
  if (call.agentId === undefined && call.sessionId !== undefined) return undefined
  const agent = await services.findAgent(orgId, call.agentId ?? DEFAULT_AGENT)
  if (agent !== undefined) return agent
  const message = 'There is no agent with this id or slug; GET /api/v1/agents lists them.'
  throw new RequestError('NOT_FOUND', message, { details: [{ path: 'agentId', message }] })
}

/** The agent of a session that goes on. Without it nobody would ever end the turn, so it is taken back. */
async function agentOfSession(services: AcceptServices, turn: AcceptTurn, agentId: string): Promise<Agent> {
  try {
    const agent = await services.findAgent(turn.orgId, agentId)
    if (agent !== undefined) return agent
    const message = 'The agent of this session was deleted; name another one.'
    throw new RequestError('NOT_FOUND', message, { details: [{ path: 'agentId', message }] })
  } catch (error) {
    await services.turns.takeBack(turn)
    throw error
  }
}

/** The key, and what the request was about: the same key with another content is a mistake of the caller. */
function idempotencyOf(caller: Caller, call: ChatCall): { idempotency?: { key: string; requestHash: string } } {
  const { idempotencyKey: key } = call
  if (key === undefined) return {}
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new RequestError('VALIDATION_FAILED', 'Idempotency-Key must be 1 to 255 printable ASCII characters.')
  }
  const content = [caller.userId, call.sessionId ?? null, call.message, call.agentId ?? null, call.model ?? null]
  return { idempotency: { key, requestHash: createHash('sha256').update(JSON.stringify(content)).digest('hex') } }
}
