import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { QueryObserver } from './observe-queries.ts'
import type { Database } from './schema.ts'
import { createTypedPool } from './typed-pool.ts'

const TYPE_INT8 = 20
const IDLE_IN_TRANSACTION_MS = 10_000
// Over the server's own limit: only a server that does not answer at all is cut off by the client.
const CLIENT_MARGIN_MS = 2000

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`, or `postgres://user@/database?host=/folder` for a Unix socket */
  url: string
  /** Most connections. */
  max: number
  /** Shown by `pg_stat_activity`. */
  applicationName: string
  /** Longest statement. Default 5000. */
  statementTimeoutMs?: number | undefined
  /** Longest wait for a lock. Default 2000. */
  lockTimeoutMs?: number | undefined
  /** Longest wait for a free or a new connection. Default 500. */
  connectionTimeoutMs?: number | undefined
  /** Told when an idle connection breaks; the pool replaces it by itself. */
  onError?: ((error: Error) => void) | undefined
  /** Told of every query through `db`. */
  onQuery?: QueryObserver | undefined
}

export interface DatabaseHandle {
  db: Kysely<Database>
  /** The same connections, for `createTurnWriter`. */
  pool: pg.Pool
  /** Waits for statements under way, then closes every connection; may be called twice. */
  close(): Promise<void>
}

/**
 * Opens a pool of connections; the first is made by the first query. A transaction may idle
 * for 10 s. Queries throw DatabaseUnavailableError and DatabaseTimeoutError.
 * @throws TypeError when `url` is not a URL; the text does not repeat it, since it holds a password.
 */
export function createDatabase(options: DatabaseOptions): DatabaseHandle {
  const pool = new pg.Pool(poolConfig(options))
  pool.on('error', (error) => options.onError?.(error))
  // While a connection is lent out the pool does not listen; the query under way is rejected anyway.
  pool.on('connect', (client) => client.on('error', ignoreError))

  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: createTypedPool(pool, options.onQuery) }) })
  let closed: Promise<void> | undefined
  return {
    db,
    pool,
    close() {
      closed ??= pool.end()
      return closed
    }
  }
}

function ignoreError(): void {}

/** int8 as a number: counts and sequence numbers stay far below 2^53. */
export function parseColumn(oid: number, format?: 'text' | 'binary') {
  if (oid === TYPE_INT8) return Number
  return pg.types.getTypeParser(oid, format)
}

function isPostgresUrl(url: string): boolean {
  // `user@` without a host is no URL, but pg takes it where the parameter `host` is the folder of a Unix socket.
  const withHost = url.replace(/(:\/\/[^/]*@)(\/[^?]*\?(?:.*&)?host=(?:\/|%2f))/i, '$1socket$2')
  return /^postgres(ql)?:\/\//.test(url) && URL.canParse(withHost)
}

function poolConfig(options: DatabaseOptions): pg.PoolConfig {
  const { url, max, applicationName, statementTimeoutMs = 5000, connectionTimeoutMs = 500 } = options
  const { lockTimeoutMs = 2000 } = options
  if (!isPostgresUrl(url)) {
    throw new TypeError('database url: expected postgres://user:password@host:port/database')
  }
  return {
    connectionString: url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: connectionTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    query_timeout: statementTimeoutMs + CLIENT_MARGIN_MS,
    types: { getTypeParser: parseColumn as typeof pg.types.getTypeParser }
  }
}
