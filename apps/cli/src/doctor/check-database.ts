import { maskPassword } from '@semibot/config'
import { createDatabase, type DatabaseHandle, DatabaseUnavailableError, migrationStatus } from '@semibot/db'
import { sql } from 'kysely'
import type { DatabaseChoice } from '../database-url.ts'
import { describeFailure } from '../failure.ts'
import { type Finding, fail, ok } from './finding.ts'

/** Oldest major version of PostgreSQL on which the migrations are tested. */
const MIN_POSTGRES = 15
const CONNECT_MS = 3000

async function checkServer(db: DatabaseHandle['db'], where: string): Promise<Finding> {
  const { rows } = await sql<{ version: string }>`select current_setting('server_version') as version`.execute(db)
  const version = rows[0]?.version ?? ''
  const message = `${version} at ${where}`
  if (Number.parseInt(version, 10) >= MIN_POSTGRES) return ok('postgres', message)
  return fail('postgres', message, `use PostgreSQL ${MIN_POSTGRES} or newer`)
}

async function checkMigrations(db: DatabaseHandle['db']): Promise<Finding> {
  const migrations = await migrationStatus(db)
  const missing = migrations.filter(({ executedAt }) => executedAt === null).length
  if (missing === 0) return ok('migrations', `all ${migrations.length} have run`)
  return fail('migrations', `${missing} of ${migrations.length} are missing`, 'run: semibot db migrate')
}

/** Checks the server and its schema. */
export async function checkDatabase(choice: DatabaseChoice): Promise<Finding[]> {
  const where = `${maskPassword(choice.url)} (${choice.from})`
  const handle = createDatabase({
    url: choice.url,
    max: 1,
    applicationName: 'semibot-doctor',
    connectionTimeoutMs: CONNECT_MS,
    statementTimeoutMs: CONNECT_MS
  })
  try {
    return [await checkServer(handle.db, where), await checkMigrations(handle.db)]
  } catch (error) {
    const advice = 'npm start brings one up; for another, set DATABASE_URL'
    const reason = error instanceof DatabaseUnavailableError ? error.message : describeFailure(error).message
    return [fail('postgres', `${reason} at ${where}`, advice)]
  } finally {
    await handle.close()
  }
}
