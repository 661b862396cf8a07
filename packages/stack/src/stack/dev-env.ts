import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stack } from './types.ts'

/**
 * Writes `dev.env` into the state folder, mode 0600: what the commands of the docs need. There is no DATABASE_URL in it,
 * since a set DATABASE_URL means "start no PostgreSQL". Resolves with its path.
 */
export function writeDevEnv(stack: Stack): string {
  const path = join(stack.home, 'dev.env')
  const draft = `${path}.${process.pid}`
  const lines = Object.entries(devVariables(stack)).map(([key, value]) => `export ${key}=${quote(value)}`)
  writeFileSync(draft, `${lines.join('\n')}\n`, { mode: 0o600 })
  renameSync(draft, path)
  return path
}

/** The variables of dev.env. */
export function devVariables(stack: Stack): Record<string, string> {
  // A URL without a host (the socket's folder is in its query) is one to libpq and pg, and none to the URL parser.
  const database = new URL(stack.urls.database.replace('@/', '@localhost/'))
  const redisPassword = stack.urls.redis === undefined ? '' : decodeURIComponent(new URL(stack.urls.redis).password)
  return {
    BASE_URL: stack.urls.api[0] ?? '',
    RUNTIME_URL: stack.urls.runtime[0] ?? '',
    API_KEY: stack.runtimeOrg.apiKey,
    API_KEY_DIRECT: stack.directOrg.apiKey,
    ADMIN_TOKEN: stack.adminToken,
    PGHOST: database.searchParams.get('host') ?? (database.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1'),
    PGPORT: database.searchParams.get('port') ?? (database.port || '5432'),
    PGUSER: decodeURIComponent(database.username),
    PGPASSWORD: decodeURIComponent(database.password),
    PGDATABASE: decodeURIComponent(database.pathname.slice(1)),
    ...(redisPassword !== '' && { REDISCLI_AUTH: redisPassword })
  }
}

/** For POSIX shells. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
