import { createDatabase, createTurnWriter, type Database, type DatabaseHandle, type TurnWriter } from '@semibot/db'
import fp from 'fastify-plugin'
import type { Kysely } from 'kysely'
import { type Credentials, createCredentials } from '../auth/credentials.ts'
import {
  DB_BACKGROUND_POOL_MAX,
  DB_CONNECTION_TIMEOUT_MS,
  DB_POOL_MAX,
  DB_STATEMENT_TIMEOUT_MS,
  TURN_FINISH_RETRY_MS
} from '../constants/config.ts'
import { LOG } from '../constants/log-messages.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** DB_POOL_MAX connections for what callers wait for. */
    db: Kysely<Database>
    /** A few connections for readiness, the monitoring API and upkeep, so that they never starve chats. */
    backgroundDb: Kysely<Database>
    /** Accepts and finishes turns, many in one round trip. */
    turnWriter: TurnWriter
    /** Keys, organisations and users, remembered for a short while. */
    credentials: Credentials
  }
}

/** Decorates `app.db`, `app.backgroundDb`, `app.turnWriter` and `app.credentials`; connects on first use. */
export const databasePlugin = fp(
  async (app) => {
    const onQuery = app.dependencyMetrics.databaseQuery
    const open = (name: string, max: number): DatabaseHandle =>
      createDatabase({
        url: app.env.DATABASE_URL,
        max,
        applicationName: name,
        statementTimeoutMs: DB_STATEMENT_TIMEOUT_MS,
        connectionTimeoutMs: DB_CONNECTION_TIMEOUT_MS,
        onQuery,
        onError: (error) => app.log.warn({ err: error, pool: name }, LOG.postgresConnectionBroke)
      })
    const main = open('semibot-api', DB_POOL_MAX)
    const background = open('semibot-api-background', DB_BACKGROUND_POOL_MAX)
    const turnWriter = createTurnWriter(main.pool, { finishRetryMs: TURN_FINISH_RETRY_MS, onQuery })
    const onTouchError = (error: unknown) => app.log.debug({ err: error }, 'the use of an API key was not noted')

    app.decorate('db', main.db)
    app.decorate('backgroundDb', background.db)
    app.decorate('turnWriter', turnWriter)
    app.decorate('credentials', createCredentials({ db: main.db, backgroundDb: background.db, onTouchError }))
    app.dependencyMetrics.observePool(() => {
      const { totalCount, idleCount, waitingCount, options } = main.pool
      return { total: totalCount, idle: idleCount, waiting: waitingCount, max: options.max }
    })

    app.addHook('onClose', async () => {
      await turnWriter.close()
      await Promise.all([main.close(), background.close()])
    })
  },
  { name: 'database', dependencies: ['environment', 'metrics'] }
)
