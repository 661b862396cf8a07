import { type Kysely, sql } from 'kysely'
import type { Database } from './schema.ts'

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
        where l.instance = d.owner and l.seen_at >= now() - make_interval(secs => ${leaseMs / 1000}))`.execute(db)
  return (result.numAffectedRows ?? 0n) > 0n
}
