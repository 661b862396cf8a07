import { type Kysely, sql } from 'kysely'
import type { Database } from './schema.ts'

/** Deletes at most `batch` expired idempotency keys; returns how many. Call it again until it returns less. */
export async function deleteExpiredIdempotencyKeys(db: Kysely<Database>, batch = 1000): Promise<number> {
  const result = await sql`
    delete from idempotency_keys where ctid in (
      select ctid from idempotency_keys where expires_at <= now()
      limit ${batch} for update skip locked)`.execute(db)
  return Number(result.numAffectedRows ?? 0)
}
