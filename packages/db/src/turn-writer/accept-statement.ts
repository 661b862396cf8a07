import type pg from 'pg'
import type { ExecutionStatus } from '../schema.ts'
import { runStatement } from './run-statement.ts'
import type { AcceptResult, AcceptTurn } from './types.ts'

type AcceptRow = [
  item: number,
  kind: AcceptResult['kind'],
  agentId: string | null,
  history: ['user' | 'assistant', string][] | null,
  executionId: string | null,
  sessionId: string | null,
  messageId: string | null,
  status: ExecutionStatus | null
]

const TEXT = `select item, kind, agent_id, history, execution_id, session_id, message_id, status
  from semibot_accept_turns_v1($1, $2, $3)`

/** Runs `semibot_accept_turns_v1` for a batch; results in the order of the turns. */
export async function acceptStatement(pool: pg.Pool, turns: AcceptTurn[], repeated: boolean): Promise<AcceptResult[]> {
  const keys = turns.filter((turn) => turn.idempotency).map((turn) => `${turn.orgId} ${turn.idempotency?.key}`)
  const rows = (await runStatement(pool, {
    name: 'semibot_accept_turns_v1',
    text: TEXT,
    values: [JSON.stringify(turns.map(toItem)), keys.length === 0 ? null : JSON.stringify(keys), repeated]
  })) as AcceptRow[]

  const results: AcceptResult[] = []
  for (const row of rows) results[row[0]] = toResult(row)
  return results
}

function toItem(turn: AcceptTurn, item: number) {
  return {
    item,
    execution_id: turn.executionId,
    org_id: turn.orgId,
    user_id: turn.userId,
    user_scope: turn.userScope,
    session_id: turn.sessionId,
    new_session: turn.newSession,
    agent_id: turn.agentId,
    user_message_id: turn.userMessageId,
    assistant_message_id: turn.assistantMessageId,
    content: turn.content,
    created_at: turn.createdAt,
    idempotency_key: turn.idempotency?.key,
    request_hash: turn.idempotency?.requestHash,
    owner: turn.owner,
    history_limit: turn.historyLimit,
    client_message_id: turn.clientMessageId
  }
}

function toResult(row: AcceptRow): AcceptResult {
  const [, kind, agentId, history, executionId, sessionId, messageId, status] = row
  switch (kind) {
    case 'accepted':
      return {
        kind,
        agentId: agentId as string,
        history: (history ?? []).map(([role, content]) => ({ role, content }))
      }
    case 'replay':
      return {
        kind,
        executionId: executionId as string,
        sessionId: sessionId as string,
        messageId: messageId as string,
        status: status as ExecutionStatus
      }
    case 'session_busy':
      return { kind, executionId: executionId as string }
    default:
      return { kind }
  }
}
