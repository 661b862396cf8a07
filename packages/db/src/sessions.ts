import { type Kysely, sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { decodeCursor } from './cursor.ts'
import { type Page, type PageRequest, rowsToFetch, toPage } from './page.ts'
import type { Database } from './schema.ts'

export interface Session {
  id: string
  agentId: string
  userId: string | null
  title: string | null
  status: string
  createdAt: Date
  updatedAt: Date
}

const COLUMNS = [
  'id',
  'agent_id as agentId',
  'user_id as userId',
  'title',
  'status',
  'created_at as createdAt',
  'updated_at as updatedAt'
] as const

/** Creates an empty session that belongs to `userId` (null: to the organisation). */
export async function createSession(
  db: Kysely<Database>,
  orgId: string,
  session: { agentId: string; userId: string | null; title?: string | null | undefined; id?: string | undefined }
): Promise<Session> {
  const { agentId, userId, title = null, id = uuidv7() } = session
  return await db
    .insertInto('sessions')
    .values({ org_id: orgId, id, agent_id: agentId, user_id: userId, title })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

/** Undefined: no such session, deleted, or not of `userScope` (null: any user of the organisation). */
export async function getSession(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  sessionId: string
): Promise<Session | undefined> {
  return await visibleSessions(db, orgId, userScope).select(COLUMNS).where('id', '=', sessionId).executeTakeFirst()
}

/** Sessions by creation, newest first. @throws InvalidCursorError */
export async function listSessions(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  page: PageRequest
): Promise<Page<Session>> {
  let query = visibleSessions(db, orgId, userScope).select(COLUMNS)
  if (page.cursor !== undefined) {
    const after = decodeCursor('sessions', page.cursor)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(new Date(after.order), after.id)))
  }
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(rowsToFetch(page)).execute()
  return toPage('sessions', page, rows, (row) => ({ order: row.createdAt.getTime(), id: row.id }))
}

/** Undefined: as for `getSession`. */
export async function renameSession(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  sessionId: string,
  title: string | null
): Promise<Session | undefined> {
  let query = db
    .updateTable('sessions')
    .set({ title, updated_at: sql<Date>`now()` })
    .where('org_id', '=', orgId)
    .where('id', '=', sessionId)
    .where('deleted_at', 'is', null)
  if (userScope !== null) query = query.where('user_id', '=', userScope)
  return await query.returning(COLUMNS).executeTakeFirst()
}

/**
 * Hides a session with its messages and executions at once; retention removes the rows later.
 * False: as undefined of `getSession`.
 */
export async function deleteSession(
  db: Kysely<Database>,
  orgId: string,
  userScope: string | null,
  sessionId: string
): Promise<boolean> {
  let query = db
    .updateTable('sessions')
    .set({ deleted_at: sql<Date>`now()` })
    .where('org_id', '=', orgId)
    .where('id', '=', sessionId)
    .where('deleted_at', 'is', null)
  if (userScope !== null) query = query.where('user_id', '=', userScope)
  const result = await query.executeTakeFirst()
  return result.numUpdatedRows > 0n
}

function visibleSessions(db: Kysely<Database>, orgId: string, userScope: string | null) {
  const query = db.selectFrom('sessions').where('org_id', '=', orgId).where('deleted_at', 'is', null)
  return userScope === null ? query : query.where('user_id', '=', userScope)
}
