import {
  createDatabase,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  type FinishedToolCall,
  finishToolCall,
  insertToolCall,
  isMigrated,
  type StartedToolCall,
  searchMessages
} from '@semibot/db'
import type { DependencyMetrics } from '@semibot/metrics'
import type { DependencyReport } from '@semibot/service-kit'
import type { FastifyBaseLogger } from 'fastify'
import {
  DB_CONNECT_TIMEOUT_MS,
  DB_POOL_MAX,
  DB_STATEMENT_TIMEOUT_MS,
  READY_CACHE_MS,
  READY_TIMEOUT_MS
} from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'
import { HistoryUnavailable, type SearchHistory } from '../tools/search-history.ts'

export interface RuntimeDatabaseOptions {
  url: string
  logger: FastifyBaseLogger
  metrics: Pick<DependencyMetrics, 'observePool' | 'databaseQuery'>
}

export interface DatabaseState extends DependencyReport {
  /** False when the server answers and lacks tables; undefined when it could not be asked. */
  migrated?: boolean
}

/** What this service wants of Postgres. All of it may fail: chats go on without. */
export interface RuntimeDatabase {
  searchHistory: SearchHistory
  /** Asks the server, at most once a second; always answers in time. */
  check(): Promise<DatabaseState>
  toolCallStarted(orgId: string, call: StartedToolCall): Promise<unknown>
  toolCallFinished(orgId: string, call: FinishedToolCall): Promise<unknown>
  close(): Promise<void>
}

export function createRuntimeDatabase({ url, logger, metrics }: RuntimeDatabaseOptions): RuntimeDatabase {
  let available: boolean | undefined
  let checked: { at: number; state: Promise<DatabaseState> } | undefined
  const { db, pool, close } = createDatabase({
    url,
    max: DB_POOL_MAX,
    applicationName: 'semibot-runtime',
    connectionTimeoutMs: DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: DB_STATEMENT_TIMEOUT_MS,
    onError: noteDown,
    onQuery: metrics.databaseQuery
  })
  metrics.observePool(() => ({
    total: pool.totalCount,
    idle: pool.idleCount,
    waiting: pool.waitingCount,
    max: DB_POOL_MAX
  }))
  return {
    searchHistory: async ({ orgId, userId, query, limit }) => {
      try {
        return await noting(searchMessages(db, orgId, userId, query, limit))
      } catch (error) {
        throw isOutage(error) ? new HistoryUnavailable('the database cannot be used', { cause: error }) : error
      }
    },
    check: () => {
      const now = performance.now()
      if (checked === undefined || now - checked.at > READY_CACHE_MS) checked = { at: now, state: ask() }
      return checked.state
    },
    toolCallStarted: (orgId, call) => noting(insertToolCall(db, orgId, call)),
    toolCallFinished: (orgId, call) => noting(finishToolCall(db, orgId, call)),
    close
  }

  async function ask(): Promise<DatabaseState> {
    const timeout = AbortSignal.timeout(READY_TIMEOUT_MS)
    const late = new Promise<never>((_resolve, reject) => {
      timeout.addEventListener('abort', () => reject(new Error(`no answer within ${READY_TIMEOUT_MS} ms`)))
    })
    try {
      const migrated = await Promise.race([noting(isMigrated(db)), late])
      return { state: 'up', migrated }
    } catch (error) {
      return { state: 'down', detail: error instanceof Error ? error.message : 'unknown error' }
    }
  }

  /** Logs when the database goes and when it comes back, once each. */
  async function noting<T>(query: Promise<T>): Promise<T> {
    try {
      const result = await query
      if (available === false) logger.info(LOG.databaseUp)
      available = true
      return result
    } catch (error) {
      if (isOutage(error)) noteDown(error)
      throw error
    }
  }

  function noteDown(error: unknown): void {
    if (available !== false) logger.warn({ err: error }, LOG.databaseDown)
    available = false
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || error instanceof DatabaseTimeoutError
}
