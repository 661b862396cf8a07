import { type Kysely, sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { decodeCursor } from './cursor.ts'
import { type Page, type PageRequest, rowsToFetch, toPage } from './page.ts'
import type { Database } from './schema.ts'

/** One change of the fallback: by itself (`transition`) or by an operator (`force`, `reset`). */
export interface FallbackEvent {
  id: string
  /** Which runtime; `default` when there is one. */
  runtime: string
  kind: 'transition' | 'force' | 'reset'
  /** The state it went to; for `force` the mode asked for: open, closed, auto. */
  state: string
  /** Label of the closed set, such as `error_rate`. */
  reason: string
  /** Text for people. */
  detail: string
  /** The numbers behind it. */
  evidence: unknown
  /** Who asked for it; null when it happened by itself. */
  actor: string | null
  /** The api process that wrote it. */
  instance: string | null
  /** When a force ends. */
  expiresAt: Date | null
  createdAt: Date
}

/** What is stored of an event; what is left out is empty, or as said. */
export interface NewFallbackEvent {
  /** UUIDv7; an event whose id is stored already is not stored again. Default: a new one. */
  id?: string | undefined
  /** When it happened. Default: when it is stored. */
  createdAt?: Date | undefined
  kind: FallbackEvent['kind']
  state: string
  reason: string
  runtime?: string | undefined
  detail?: string | undefined
  evidence?: unknown
  actor?: string | undefined
  instance?: string | undefined
  expiresAt?: Date | undefined
}

const COLUMNS = [
  'id',
  'runtime',
  'kind',
  'state',
  'reason',
  'detail',
  'evidence',
  'actor',
  'instance',
  'expires_at as expiresAt',
  'created_at as createdAt'
] as const

/** Stores an event and gives it back; one whose id is stored already stays as it is. */
export async function insertFallbackEvent(db: Kysely<Database>, event: NewFallbackEvent): Promise<FallbackEvent> {
  return await db
    .insertInto('fallback_events')
    .values({
      id: event.id ?? uuidv7(),
      runtime: event.runtime ?? 'default',
      kind: event.kind,
      state: event.state,
      reason: event.reason,
      detail: event.detail ?? '',
      evidence: event.evidence === undefined ? null : JSON.stringify(event.evidence),
      actor: event.actor ?? null,
      instance: event.instance ?? null,
      expires_at: event.expiresAt ?? null,
      ...(event.createdAt === undefined ? {} : { created_at: event.createdAt })
    })
    // Sets nothing; DO NOTHING would return no row.
    .onConflict((conflict) => conflict.column('id').doUpdateSet((eb) => ({ id: eb.ref('excluded.id') })))
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

/** Newest first. @throws InvalidCursorError */
export async function listFallbackEvents(
  db: Kysely<Database>,
  page: PageRequest,
  runtime = 'default'
): Promise<Page<FallbackEvent>> {
  let query = db.selectFrom('fallback_events').select(COLUMNS).where('runtime', '=', runtime)
  if (page.cursor !== undefined) {
    const after = decodeCursor('fallback-events', page.cursor)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '<', eb.tuple(new Date(after.order), after.id)))
  }
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(rowsToFetch(page)).execute()
  return toPage('fallback-events', page, rows, (row) => ({ order: row.createdAt.getTime(), id: row.id }))
}

/** What operators have ordered, newest first. */
export async function listFallbackOrders(
  db: Kysely<Database>,
  limit: number,
  runtime = 'default'
): Promise<FallbackEvent[]> {
  return await db
    .selectFrom('fallback_events')
    .select(COLUMNS)
    .where('runtime', '=', runtime)
    .where('kind', 'in', ['force', 'reset'])
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** The last force, when it has not expired and is neither `auto` nor followed by a reset. */
export async function findActiveForce(db: Kysely<Database>, runtime = 'default'): Promise<FallbackEvent | undefined> {
  const last = await db
    .selectFrom('fallback_events')
    .select(COLUMNS)
    .select(sql<boolean>`coalesce(expires_at <= now(), false)`.as('expired'))
    .where('runtime', '=', runtime)
    .where('kind', 'in', ['force', 'reset'])
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last === undefined) return undefined
  const { expired, ...event } = last
  return expired || event.kind === 'reset' || event.state === 'auto' ? undefined : event
}
