import { ConfigError } from '@semibot/config'
import { DatabaseUnavailableError } from '@semibot/db'

/** The command line is fine, but the command could not be done. */
export const EXIT_FAILED = 1
/** The command line is wrong. */
export const EXIT_USAGE = 2

/** A failure that the user can understand without a stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number

  constructor(message: string, exitCode = EXIT_FAILED) {
    super(message)
    this.exitCode = exitCode
  }
}

// https://www.postgresql.org/docs/18/errcodes-appendix.html
const SQL_STATES: Readonly<Record<string, string>> = {
  '28000': 'check the user in DATABASE_URL',
  '28P01': 'check the password in DATABASE_URL; after npm start: source .semibot/dev.env',
  '3D000': 'create it, or check the name in DATABASE_URL',
  '3F000': 'run: semibot db migrate',
  '42P01': 'run: semibot db migrate',
  '42883': 'run: semibot db migrate',
  '42501': 'the role of DATABASE_URL may not do this'
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function sqlStateOf(error: object): string | undefined {
  const code = 'sqlState' in error ? error.sqlState : 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** What to print for an error, and the exit code. One line, but for a configuration with several bad keys. */
export function describeFailure(error: unknown): { message: string; exitCode: number } {
  if (error instanceof CliError) return { message: error.message, exitCode: error.exitCode }
  if (error instanceof ConfigError) return { message: error.message, exitCode: EXIT_FAILED }
  if (!(error instanceof Error)) return { message: firstLine(String(error)), exitCode: EXIT_FAILED }
  const message = firstLine(error.message) || error.name
  const advice = SQL_STATES[sqlStateOf(error) ?? '']
  if (advice !== undefined) return { message: `${message}; ${advice}`, exitCode: EXIT_FAILED }
  if (error instanceof DatabaseUnavailableError) {
    return {
      message: `${message}; is PostgreSQL running? npm start brings one up, and semibot doctor tells more`,
      exitCode: EXIT_FAILED
    }
  }
  return { message, exitCode: EXIT_FAILED }
}
