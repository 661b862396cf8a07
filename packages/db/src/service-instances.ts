import { type Kysely, sql } from 'kysely'
import type { Database } from './schema.ts'

/** A process that can own executions. */
export interface ServiceInstance {
  /** Unique per process start, so that a restarted process never owns its predecessor's executions. */
  id: string
  /** Such as `api`. */
  kind: string
}

/** An execution that was ended because its process is gone. */
export interface SweptExecution {
  orgId: string
  executionId: string
  sessionId: string
  owner: string
}

/** What the user is told about an execution whose process is gone. */
export const ORPHAN_MESSAGE = 'The server stopped before the answer was complete. Please send the message again.'

// A process that was silent for longer than this has to be steady anew before it may call others dead.
const STEADY_GAP_SECONDS = 5

/**
 * Says that the process is alive. To be called before its first `accept`, then every 2 seconds or so: more than
 * 5 seconds between two calls count as an interruption (see `sweepOrphans`).
 */
export async function heartbeat(db: Kysely<Database>, instance: ServiceInstance): Promise<void> {
  await sql`
    insert into service_instances as i (id, kind) values (${instance.id}, ${instance.kind})
    on conflict (id) do update set
      steady_since = case
        when i.seen_at < now() - make_interval(secs => ${STEADY_GAP_SECONDS}) then now() else i.steady_since end,
      seen_at = now()`.execute(db)
}

/** How many processes of a kind are alive: those that have said so in the last 10 seconds, see `heartbeat`. */
export async function countInstances(db: Kysely<Database>, kind: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from service_instances
    where kind = ${kind} and seen_at > now() - interval '10 seconds'`.execute(db)
  return rows[0]?.count ?? 0
}

/** Says that the process ends: what it left running counts as orphaned from now on. */
export async function retireInstance(db: Kysely<Database>, id: string): Promise<void> {
  await db.deleteFrom('service_instances').where('id', '=', id).execute()
}

/**
 * Fails the running executions whose owner was not heard of for `staleMs` (code INTERNAL) and so frees their
 * sessions; those that are in the journal of the runtimes are left for `adoptOrphans`. Text that was saved stays, as `partial`. Does nothing until some process has been heard of without
 * interruption for `staleMs`, since an outage of the database makes everybody look dead. Safe to run in every
 * process at the same time; at most `limit` per call, the caller comes again.
 */
export async function sweepOrphans(
  db: Kysely<Database>,
  options: { staleMs: number; limit?: number | undefined }
): Promise<SweptExecution[]> {
  const { staleMs, limit = 500 } = options
  await sql`delete from service_instances where seen_at < now() - interval '1 day'`.execute(db)
  const result = await sql<SweptExecution>`
    select org_id as "orgId", execution_id as "executionId", session_id as "sessionId", owner
    from semibot_sweep_orphans_v2(make_interval(secs => ${staleMs / 1000}), ${limit}, ${ORPHAN_MESSAGE})`.execute(db)
  return result.rows
}

/** An execution whose process is gone and whose run goes on in the runtimes, or has ended there. */
export interface AdoptedExecution {
  orgId: string
  executionId: string
  sessionId: string
  /** Of the answer. */
  messageId: string
  model: string | null
}

/**
 * Makes this process the owner of executions whose owner was not heard of for `staleMs` and that are in the journal of
 * the runtimes: it has to store their ends. Each is given to one process only. As careful as `sweepOrphans`.
 */
export async function adoptOrphans(
  db: Kysely<Database>,
  options: { owner: string; staleMs: number; limit?: number | undefined }
): Promise<AdoptedExecution[]> {
  const { owner, staleMs, limit = 100 } = options
  const { rows } = await sql<AdoptedExecution>`
    select org_id as "orgId", execution_id as "executionId", session_id as "sessionId", message_id as "messageId", model
    from semibot_adopt_orphans_v1(${owner}, make_interval(secs => ${staleMs / 1000}), ${limit})`.execute(db)
  return rows
}
