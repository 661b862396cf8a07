import { type Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { sqlStateOf } from './classify-error.ts'
import { createDatabase } from './create-database.ts'
import { MIGRATIONS } from './migrations/index.ts'
import { ensurePartitions } from './partitions.ts'
import type { Database } from './schema.ts'

/** One migration and when it ran on this database; null: not yet. */
export interface MigrationState {
  name: string
  executedAt: Date | null
}

/** How many months of partitions exist in advance. */
export const PARTITION_MONTHS_AHEAD = 3

const UNDEFINED_TABLE = '42P01'

/**
 * Brings the schema of `url`'s database up to date and makes the partitions of the coming months. Processes that
 * do so at the same time wait for each other. A database that a newer release has migrated is left as it is.
 * @returns the names of the migrations that ran now.
 * @throws Error naming the migration that failed; nothing of this run is kept then.
 */
export async function migrateToLatest(url: string, onProgress?: (message: string) => void): Promise<string[]> {
  // One connection, which stays: the lock belongs to it. DDL may take longer than a query.
  const { db, close } = createDatabase({
    url,
    max: 1,
    applicationName: 'semibot-migrate',
    statementTimeoutMs: 10 * 60_000,
    connectionTimeoutMs: 5000
  })
  try {
    const applied = (await isMigrated(db)) ? [] : await runMigrations(db, onProgress)
    await createStatementStatistics(db, onProgress)
    const { created } = await ensurePartitions(db, PARTITION_MONTHS_AHEAD)
    for (const name of created) onProgress?.(`partition ${name}`)
    return applied
  } finally {
    await close()
  }
}

/** Every migration of this release, in order. */
export async function migrationStatus(db: Kysely<Database>): Promise<MigrationState[]> {
  const executed = await executedMigrations(db)
  return Object.keys(MIGRATIONS).map((name) => ({ name, executedAt: executed.get(name) ?? null }))
}

/** Whether every migration of this release has run; one cheap query, for readiness checks. */
export async function isMigrated(db: Kysely<Database>): Promise<boolean> {
  const executed = await executedMigrations(db)
  return Object.keys(MIGRATIONS).every((name) => executed.has(name))
}

async function runMigrations(db: Kysely<Database>, onProgress?: (message: string) => void): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const failed = results.find((result) => result.status === 'Error')
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(failed ? `migration ${failed.migrationName}: ${reason}` : `migrations: ${reason}`, { cause: error })
  }
  const applied = results.map((result) => result.migrationName)
  for (const name of applied) onProgress?.(`migration ${name}`)
  return applied
}

async function executedMigrations(db: Kysely<Database>): Promise<Map<string, Date>> {
  try {
    const { rows } = await sql<{ name: string; timestamp: string }>`
      select name, timestamp from kysely_migration`.execute(db)
    return new Map(rows.map((row) => [row.name, new Date(row.timestamp)]))
  } catch (error) {
    if (sqlStateOf(error) === UNDEFINED_TABLE) return new Map()
    throw error
  }
}

/** pg_stat_statements helps operators; a server without it, or a role that may not create it, is fine. */
async function createStatementStatistics(db: Kysely<Database>, onProgress?: (message: string) => void): Promise<void> {
  try {
    await sql`create extension if not exists pg_stat_statements`.execute(db)
  } catch (error) {
    onProgress?.(`without pg_stat_statements: ${error instanceof Error ? error.message : String(error)}`)
  }
}
