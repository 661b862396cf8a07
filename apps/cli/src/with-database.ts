import { maskPassword } from '@semibot/config'
import { createDatabase, type DatabaseHandle, DatabaseUnavailableError, isMigrated } from '@semibot/db'
import type { Cli } from './cli.ts'
import { chooseDatabase, type DatabaseChoice } from './database-url.ts'
import { CliError } from './failure.ts'

const CONNECT_MS = 5000
const STATEMENT_MS = 60_000

export interface OpenDatabase extends DatabaseChoice {
  readonly db: DatabaseHandle['db']
}

/**
 * Opens the database for one command and closes it again. Throws CliError when it cannot be reached, or when its
 * schema is not up to date and `migrated` is not false.
 */
export async function withDatabase<T>(
  cli: Cli,
  use: (database: OpenDatabase) => Promise<T>,
  options: { migrated?: boolean } = {}
): Promise<T> {
  const choice = chooseDatabase(cli)
  const handle = createDatabase({
    url: choice.url,
    max: 2,
    applicationName: 'semibot-cli',
    connectionTimeoutMs: CONNECT_MS,
    statementTimeoutMs: STATEMENT_MS
  })
  try {
    if (options.migrated !== false && !(await isMigrated(handle.db))) {
      throw new CliError('the database is not migrated; run: semibot db migrate')
    }
    return await use({ ...choice, db: handle.db })
  } catch (error) {
    throw namingTheServer(error, choice)
  } finally {
    await handle.close()
  }
}

/** Says which server could not be reached: with several sources of the URL this is the first question. */
export function namingTheServer(error: unknown, choice: Pick<DatabaseChoice, 'url' | 'from'>): unknown {
  if (!(error instanceof DatabaseUnavailableError)) return error
  const message = `${error.message} (${maskPassword(choice.url)}, from ${choice.from})`
  const { cause, sqlState } = error
  return new DatabaseUnavailableError(message, { cause, ...(sqlState === undefined ? {} : { sqlState }) })
}
