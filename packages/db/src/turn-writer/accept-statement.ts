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

const COLUMNS = 'item, kind, agent_id, history, execution_id, session_id, message_id, status'
/** For any batch, turn by turn. */
const ONE_BY_ONE = {
  name: 'semibot_accept_turns_v1',
  text: `select ${COLUMNS} from semibot_accept_turns_v1($1, $2, $3)`
}
/** For first attempts of turns that have nothing to do with each other. */
const IN_SETS = {
  name: 'semibot_accept_turns_v2',
  text: `select ${COLUMNS} from semibot_accept_turns_v2($1, $2, $3)`
}

/**
 * Runs a batch in one statement; results in the order of the turns. `repeated`: it may have been committed before, its
 * answer was lost.
 */
export async function acceptStatement(pool: pg.Pool, turns: AcceptTurn[], repeated: boolean): Promise<AcceptResult[]> {
  const keys = turns.filter((turn) => turn.idempotency).map((turn) => `${turn.orgId} ${turn.idempotency?.key}`)
  const inSets = !repeated && allDiffer(turns.map((turn) => turn.sessionId)) && allDiffer(keys)
  const continued = turns.some((turn) => !turn.newSession)
  const rows = (await runStatement(pool, {
    ...(inSets ? IN_SETS : ONE_BY_ONE),
    values: [
      JSON.stringify(turns.map(toItem)),
      keys.length === 0 ? null : JSON.stringify(keys),
      inSets ? continued : repeated
    ]
  })) as AcceptRow[]

  const results: AcceptResult[] = []
  for (const row of rows) results[row[0]] = toResult(row)
  return results
}

function allDiffer(values: string[]): boolean {
  return new Set(values).size === values.length
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
