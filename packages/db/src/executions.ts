import { type Kysely, sql } from 'kysely'
import { decodeCursor } from './cursor.ts'
import { type Page, type PageRequest, rowsToFetch, toPage } from './page.ts'
import type { ChatMode, Database, ExecutionStatus, FinishReason } from './schema.ts'
import type { StoredUsage } from './turn-writer/types.ts'

export interface Execution {
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
}

/** One execution with its answer. */
export interface ExecutionRecord extends Execution {
  /** Text of the answer as far as it is stored; null when none is. */
  content: string | null
}

/** Undefined: no such execution, or its session is deleted or not of `userScope`. */
export async function findExecution(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  executionId: string
): Promise<ExecutionRecord | undefined> {
  const row = await visibleExecutions(db, orgId, userScope)
    .leftJoin('messages as m', (join) =>
      join
        .onRef('m.org_id', '=', 'e.org_id')
        .onRef('m.id', '=', 'e.assistant_message_id')
        // The id's time names the partition.
        .on('m.created_at', '=', sql<Date>`semibot_uuid_time(e.assistant_message_id)`)
    )
    .select('m.content')
    .where('e.id', '=', executionId)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { content, ...execution } = row
  return { ...toExecution(execution), content }
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

/** Executions by start, newest first. @throws InvalidCursorError */
export async function listRecentExecutions(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  page: PageRequest
): Promise<Page<Execution>> {
  // True for every row: it names the index of this list.
  let query = visibleExecutions(db, orgId, userScope).where('e.seq', '>', 0)
  if (page.cursor !== undefined) {
    const after = decodeCursor('executions', page.cursor)
    query = query.where((eb) => eb(eb.refTuple('e.created_at', 'e.id'), '<', eb.tuple(new Date(after.order), after.id)))
  }
  const rows = await query.orderBy('e.created_at', 'desc').orderBy('e.id', 'desc').limit(rowsToFetch(page)).execute()
  return toPage('executions', page, rows.map(toExecution), (row) => ({ order: row.createdAt.getTime(), id: row.id }))
}

function visibleExecutions(db: Kysely<Database>, orgId: string, userScope: string | null) {
  const query = db
    .selectFrom('executions as e')
    .innerJoin('sessions as s', (join) => join.onRef('s.org_id', '=', 'e.org_id').onRef('s.id', '=', 'e.session_id'))
    .where('e.org_id', '=', orgId)
    .where('s.deleted_at', 'is', null)
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
      'e.ended_at as endedAt'
    ])
  return userScope === null ? query : query.where('s.user_id', '=', userScope)
}

type ExecutionRow = Omit<Execution, 'error' | 'usage'> & {
  usage: unknown
  errorCode: string | null
  errorMessage: string | null
}

function toExecution(row: ExecutionRow): Execution {
  const { errorCode, errorMessage, usage, ...rest } = row
  const error = errorCode === null ? null : { code: errorCode, message: errorMessage ?? '' }
  return { ...rest, usage: usage as StoredUsage | null, error }
}
