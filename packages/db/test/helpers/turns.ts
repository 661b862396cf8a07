import { v7 as uuidv7 } from 'uuid'
import type { AcceptTurn, FinishTurn, TurnWriter } from '../../src/index.ts'

/** A turn that begins a new session, unless it names one. */
export function newTurn(
  organization: { orgId: string; agentId: string },
  changes: Partial<AcceptTurn> = {}
): AcceptTurn {
  const newSession = changes.sessionId === undefined
  return {
    executionId: uuidv7(),
    orgId: organization.orgId,
    userId: null,
    userScope: null,
    sessionId: uuidv7(),
    newSession,
    agentId: newSession ? organization.agentId : null,
    userMessageId: uuidv7(),
    assistantMessageId: uuidv7(),
    content: 'Hello',
    owner: 'api-1',
    historyLimit: 20,
    ...changes
  }
}

/** The successful end of a turn. */
export function endOf(turn: AcceptTurn, changes: Partial<FinishTurn> = {}): FinishTurn {
  return {
    executionId: turn.executionId,
    orgId: turn.orgId,
    sessionId: turn.sessionId,
    messageId: turn.assistantMessageId,
    status: 'completed',
    messageStatus: 'complete',
    content: `Answer to ${turn.content}`,
    finishReason: 'stop',
    mode: 'direct_llm',
    attempts: 1,
    model: 'simulator',
    usage: { inputTokens: 3, outputTokens: 5, totalTokens: 8 },
    latencyMs: 120,
    firstTokenMs: 30,
    ...changes
  }
}

/** Accepts and finishes a turn; returns it. */
export async function runTurn(
  writer: TurnWriter,
  organization: { orgId: string; agentId: string },
  changes: Partial<AcceptTurn> = {},
  end: Partial<FinishTurn> = {}
): Promise<AcceptTurn> {
  const turn = newTurn(organization, changes)
  const result = await writer.accept(turn)
  if (result.kind !== 'accepted') throw new Error(`expected the turn to be accepted, got ${result.kind}`)
  if (!(await writer.finish(endOf(turn, end)))) throw new Error('the execution was not running')
  return turn
}
