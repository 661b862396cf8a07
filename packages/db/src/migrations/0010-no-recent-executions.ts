import { type Kysely, sql } from 'kysely'

/** An index that no query uses any more; each turn wrote to it twice. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`drop index if exists executions_recent_idx`.execute(db)
}
