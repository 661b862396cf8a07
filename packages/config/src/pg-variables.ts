/**
 * The connection URL that the variables of psql (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE) describe, with psql's
 * defaults; `undefined` when none of them names a server, a user or a database. The state folder's dev.env sets them.
 */
export function databaseUrlFromPgVariables(
  environment: Readonly<Record<string, string | undefined>>
): string | undefined {
  const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = environment
  if (![PGHOST, PGPORT, PGUSER, PGDATABASE].some((value) => value !== undefined && value !== '')) return undefined
  const user = PGUSER || 'semibot'
  const password = PGPASSWORD ? `:${encodeURIComponent(PGPASSWORD)}` : ''
  const database = encodeURIComponent(PGDATABASE || user)
  const credentials = `${encodeURIComponent(user)}${password}`
  const port = PGPORT || '5432'
  // A path is the folder of a Unix socket.
  if (PGHOST?.startsWith('/')) {
    return `postgres://${credentials}@/${database}?host=${encodeURIComponent(PGHOST)}&port=${port}`
  }
  const host = PGHOST?.includes(':') ? `[${PGHOST}]` : PGHOST || '127.0.0.1'
  return `postgres://${credentials}@${host}:${port}/${database}`
}
