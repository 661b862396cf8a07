// What an api process does about runs in the journal that another one has left behind.
import { type Kysely, sql } from 'kysely'
import type { DurableStatus } from './durable-executions.ts'
import type { Database } from './schema.ts'

/** What a run was asked to do; undefined when there is none of this id, or it has ended. */
export async function findDurableRequest(db: Kysely<Database>, executionId: string): Promise<unknown> {
  const row = await db
    .selectFrom('durable_executions')
    .select('request')
    .where('id', '=', executionId)
    .where('status', '=', 'running')
    .executeTakeFirst()
  return row?.request ?? undefined
}

/** How a run stands in the journal: its end when it has one, and whether a process that was heard of lately has it. */
export interface DurableOutcome {
  status: DurableStatus
  outcome: unknown
  isOwned: boolean
  isOverdue: boolean
  /** Until its deadline; below 0 once that is over. */
  remainingMs: number
  /** Counts the owners of the run, from 1. */
  epoch: number
}

/** Undefined when the journal has no run of this id. */
export async function findDurableOutcome(
  db: Kysely<Database>,
  orgId: string,
  executionId: string,
  leaseMs: number
): Promise<DurableOutcome | undefined> {
  const { rows } = await sql<DurableOutcome>`
    select d.status, d.outcome, d.epoch, d.deadline_at < now() as "isOverdue",
      extract(epoch from d.deadline_at - now())::float8 * 1000 as "remainingMs", exists (select from runtime_leases l
      where l.instance = d.owner and l.seen_at >= now() - ${milliseconds(leaseMs)}) as "isOwned"
    from durable_executions d where d.org_id = ${orgId} and d.id = ${executionId}`.execute(db)
  return rows[0]
}

/** A run as it was seen: with the number of its owner at that time. */
export interface SeenRun {
  orgId: string
  executionId: string
  epoch: number
}

/**
 * Ends a running run as failed that no process has: its owner has given it up or was not heard of for `leaseMs`, by the
 * clock of the server, and nobody has taken it since it was seen. A process that only looks dead is refused at its
 * next step, as with `cancelDurableRun`. `outcome` is kept for whoever stores the end.
 * @returns false when somebody has the run, or it has ended; nothing was changed then
 */
export async function failUnownedRun(
  db: Kysely<Database>,
  { orgId, executionId, epoch }: SeenRun,
  leaseMs: number,
  outcome: object
): Promise<boolean> {
  // The epoch as it was seen: a condition on the leases would not be looked at again for a row that somebody takes
  // in this very moment (EvalPlanQual).
  const result = await sql`
    update durable_executions d set status = 'failed', outcome = ${JSON.stringify(outcome)}::json, request = null,
      ended_at = now()
    where d.org_id = ${orgId} and d.id = ${executionId} and d.status = 'running' and d.epoch = ${epoch}
      and not exists (select from runtime_leases l
        where l.instance = d.owner and l.seen_at >= now() - ${milliseconds(leaseMs)})`.execute(db)
  return (result.numAffectedRows ?? 0n) > 0n
}

function milliseconds(value: number) {
  return sql`make_interval(secs => ${value / 1000})`
}
