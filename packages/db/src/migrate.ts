import { setTimeout as wait } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
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
const LOCK_NOT_AVAILABLE = '55P03'
const LOCK_TIMEOUT_MS = 500

export interface MigrateOptions {
  onProgress?: ((message: string) => void) | undefined
  /** How long a migration that needs a table is tried again while others have it. Default 60,000. */
  giveUpMs?: number | undefined
  /** Default: those of this release. */
  migrations?: Readonly<Record<string, Migration>> | undefined
}

/**
 * Brings the schema of `url`'s database up to date and makes the partitions of the coming months. Processes that
 * do so at the same time wait for each other. A database that a newer release has migrated is left as it is.
 *
 * Whoever waits for a table's lock keeps everybody behind it waiting, too. So a migration waits for half a second at
 * most, gives way, and comes again: chats never stand still for longer.
 * @returns the names of the migrations that ran now.
 * @throws Error naming the migration that failed; nothing of this run is kept then.
 */
export async function migrateToLatest(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const { onProgress, giveUpMs = 60_000, migrations = MIGRATIONS } = options
  // One connection, which stays: the lock belongs to it. DDL may take longer than a query.
  const { db, close } = createDatabase({
    url,
    max: 1,
    applicationName: 'semibot-migrate',
    statementTimeoutMs: 10 * 60_000,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    connectionTimeoutMs: 5000
  })
  const patiently = <T>(work: () => Promise<T>) => givingWay(work, performance.now() + giveUpMs, onProgress)
  try {
    const isDone = await hasRun(db, migrations)
    const applied = isDone ? [] : await patiently(() => runMigrations(db, migrations, onProgress))
    await createStatementStatistics(db, onProgress)
    const { created } = await patiently(() => ensurePartitions(db, PARTITION_MONTHS_AHEAD))
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
  return await hasRun(db, MIGRATIONS)
}

async function hasRun(db: Kysely<Database>, migrations: Readonly<Record<string, Migration>>): Promise<boolean> {
  const executed = await executedMigrations(db)
  return Object.keys(migrations).every((name) => executed.has(name))
}

/** Repeats what ran into the limit for locks, after a pause in which those who waited behind it get their turn. */
async function givingWay<T>(
  work: () => Promise<T>,
  deadline: number,
  onProgress?: (message: string) => void
): Promise<T> {
  for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 2, 5000)) {
    try {
      return await work()
    } catch (error) {
      if (!isLockTimeout(error) || performance.now() + pauseMs > deadline) throw error
      onProgress?.('another transaction holds a table: trying again')
      await wait(pauseMs * (0.75 + Math.random() / 2))
    }
  }
}

function isLockTimeout(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (sqlStateOf(cause) === LOCK_NOT_AVAILABLE) return true
  }
  return false
}

async function runMigrations(
  db: Kysely<Database>,
  migrations: Readonly<Record<string, Migration>>,
  onProgress?: (message: string) => void
): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
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
