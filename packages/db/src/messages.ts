import type { Kysely } from 'kysely'
import { decodeCursor } from './cursor.ts'
import { type Page, type PageRequest, rowsToFetch, toPage } from './page.ts'
import type { Database, MessageRole, MessageStatus } from './schema.ts'
import { getSession } from './sessions.ts'

/** A message of a session. `seq` is its place there, from 1. */
export interface Message {
  id: string
  sessionId: string
  seq: number
  role: MessageRole
  content: string
  status: MessageStatus
  executionId: string | null
  parentId: string | null
  clientMessageId: string | null
  createdAt: Date
}

const COLUMNS = [
  'id',
  'session_id as sessionId',
  'seq',
  'role',
  'content',
  'status',
  'execution_id as executionId',
  'parent_id as parentId',
  'client_message_id as clientMessageId',
  'created_at as createdAt'
] as const

/**
 * A session's messages by `seq`, newest first. Undefined: no such session for this organisation and user.
 * @throws InvalidCursorError
 */
export async function listMessages(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  sessionId: string,
  page: PageRequest
): Promise<Page<Message> | undefined> {
  const after = page.cursor === undefined ? undefined : decodeCursor('messages', page.cursor)
  if ((await getSession(db, orgId, userScope, sessionId)) === undefined) return undefined

  let query = db.selectFrom('messages').select(COLUMNS).where('org_id', '=', orgId).where('session_id', '=', sessionId)
  if (after !== undefined) query = query.where('seq', '<', after.order)
  const rows = await query.orderBy('seq', 'desc').limit(rowsToFetch(page)).execute()
  return toPage('messages', page, rows, (row) => ({ order: row.seq, id: row.id }))
}
