import { maskPassword } from '@semibot/config'
import {
  countInstances,
  createDatabase,
  type DatabaseHandle,
  DatabaseUnavailableError,
  migrationStatus
} from '@semibot/db'
import { sql } from 'kysely'
import type { DatabaseChoice } from '../database-url.ts'
import { describeFailure } from '../failure.ts'
import { checkReplica } from './check-replica.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

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

async function checkStatements(db: DatabaseHandle['db']): Promise<Finding> {
  const { rows } = await sql`select from pg_extension where extname = 'pg_stat_statements'`.execute(db)
  if (rows.length > 0) return ok('statements', 'pg_stat_statements is there')
  const advice = 'shared_preload_libraries=pg_stat_statements, then create extension pg_stat_statements'
  return warn('statements', 'pg_stat_statements is missing: slow queries cannot be listed', advice)
}

/** What the database says, and how many api processes work on it; undefined when it cannot be known. */
export interface DatabaseFindings {
  findings: Finding[]
  apiProcesses: number | undefined
}

/** Checks the server and its schema. */
export async function checkDatabase(choice: DatabaseChoice): Promise<DatabaseFindings> {
  const where = `${maskPassword(choice.url)} (${choice.from})`
  const handle = createDatabase({
    url: choice.url,
    max: 1,
    applicationName: 'semibot-doctor',
    connectionTimeoutMs: CONNECT_MS,
    statementTimeoutMs: CONNECT_MS
  })
  try {
    const server = await checkServer(handle.db, where)
    const migrations = await checkMigrations(handle.db)
    if (migrations.state !== 'ok') return { findings: [server, migrations], apiProcesses: undefined }
    const { DATABASE_READ_URL: readUrl } = choice.env
    const findings = [server, migrations, await checkStatements(handle.db)]
    if (readUrl !== undefined) findings.push(await checkReplica(handle.db, readUrl))
    return { findings, apiProcesses: await countInstances(handle.db, 'api') }
  } catch (error) {
    const advice = 'npm start brings one up; for another, set DATABASE_URL'
    const reason = error instanceof DatabaseUnavailableError ? error.message : describeFailure(error).message
    return { findings: [fail('postgres', `${reason} at ${where}`, advice)], apiProcesses: undefined }
  } finally {
    await handle.close()
  }
}
