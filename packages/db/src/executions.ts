import { type Kysely, sql } from 'kysely'
import type { ChatMode, Database, ExecutionStatus, FinishReason } from './schema.ts'
import type { StoredUsage } from './turn-writer/types.ts'

/** One execution with its answer. */
export interface ExecutionRecord {
  id: string
  sessionId: string
  userId: string | null
  agentId: string
  /** The api process that runs it, or ran it. */
  owner: string
  status: ExecutionStatus
  userMessageId: string
  /** Id of the answer. */
  messageId: string
  /** null until it has ended, and when it ended before a mode was chosen. */
  mode: ChatMode | null
  attempts: number
  model: string | null
  finishReason: FinishReason | null
  usage: StoredUsage | null
  lastSeq: number | null
  error: { code: string; message: string } | null
  fallbackReason: string | null
  latencyMs: number | null
  firstTokenMs: number | null
  createdAt: Date
  endedAt: Date | null
  /** Text of the answer as far as it is stored; null when none is. */
  content: string | null
}

/** The execution with its answer. Undefined: no such execution, or its session is deleted or not of `userScope`. */
export async function findExecution(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  executionId: string
): Promise<ExecutionRecord | undefined> {
  const execution = db
    .selectFrom('executions as e')
    .innerJoin('sessions as s', (join) => join.onRef('s.org_id', '=', 'e.org_id').onRef('s.id', '=', 'e.session_id'))
    .leftJoin('messages as m', (join) =>
      join
        .onRef('m.org_id', '=', 'e.org_id')
        .onRef('m.id', '=', 'e.assistant_message_id')
        // The id's time names the partition.
        .on('m.created_at', '=', sql<Date>`semibot_uuid_time(e.assistant_message_id)`)
    )
    .select([
      'e.id',
      'e.session_id as sessionId',
      'e.user_id as userId',
      'e.agent_id as agentId',
      'e.owner',
      'e.status',
      'e.user_message_id as userMessageId',
      'e.assistant_message_id as messageId',
      'e.mode',
      'e.attempts',
      'e.model',
      'e.finish_reason as finishReason',
      'e.usage',
      'e.last_seq as lastSeq',
      'e.error_code as errorCode',
      'e.error_message as errorMessage',
      'e.fallback_reason as fallbackReason',
      'e.latency_ms as latencyMs',
      'e.first_token_ms as firstTokenMs',
      'e.created_at as createdAt',
      'e.ended_at as endedAt',
      'm.content'
    ])
    .where('e.org_id', '=', orgId)
    .where('e.id', '=', executionId)
    .where('s.deleted_at', 'is', null)
  const visible = userScope === null ? execution : execution.where('s.user_id', '=', userScope)
  const row = await visible.executeTakeFirst()
  return row === undefined ? undefined : toExecution(row)
}

/** Id of the execution that a session waits for, also of a deleted session; undefined when there is none. */
export async function findRunningExecution(
  db: Kysely<Database>,
  orgId: string,
  sessionId: string
): Promise<string | undefined> {
  const row = await db
    .selectFrom('executions')
    .select('id')
    .where('org_id', '=', orgId)
    .where('session_id', '=', sessionId)
    .where('status', 'in', ['running', 'waiting_approval'])
    .executeTakeFirst()
  return row?.id
}

type ExecutionRow = Omit<ExecutionRecord, 'error' | 'usage'> & {
  usage: unknown
  errorCode: string | null
  errorMessage: string | null
}

function toExecution(row: ExecutionRow): ExecutionRecord {
  const { errorCode, errorMessage, usage, ...rest } = row
  const error = errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' }
  return { ...rest, usage: usage as StoredUsage | null, error }
}
