import {
  createDatabase,
  createReads,
  createTurnWriter,
  type Database,
  type DatabaseHandle,
  type Reads,
  type TurnWriter
} from '@semibot/db'
import fp from 'fastify-plugin'
import type { Kysely } from 'kysely'
import { type Credentials, createCredentials } from '../auth/credentials.ts'
import {
  DB_BACKGROUND_POOL_MAX,
  DB_CONNECTION_TIMEOUT_MS,
  DB_POOL_MAX,
  DB_READ_POOL_MAX,
  DB_READ_STATEMENT_TIMEOUT_MS,
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
    /** Reads for callers, on the replica of DATABASE_READ_URL where it has all that was written before. */
    reads: Reads
    /** The same for the monitoring API; where the primary answers, on the few connections. */
    backgroundReads: Reads
    /** Accepts and finishes turns, many in one round trip. */
    turnWriter: TurnWriter
    /** Keys, organisations and users, remembered for a short while. */
    credentials: Credentials
  }
}

/** Decorates `app.db`, `app.reads`, `app.turnWriter`, `app.credentials` and the like; connects on first use. */
export const databasePlugin = fp(
  async (app) => {
    const onQuery = app.dependencyMetrics.databaseQuery
    const open = (
      name: string,
      max: number,
      url = app.env.DATABASE_URL,
      statementTimeoutMs = DB_STATEMENT_TIMEOUT_MS
    ) =>
      createDatabase({
        url,
        max,
        applicationName: name,
        statementTimeoutMs,
        connectionTimeoutMs: DB_CONNECTION_TIMEOUT_MS,
        onQuery,
        onError: (error) => app.log.warn({ err: error, pool: name }, LOG.postgresConnectionBroke)
      })
    const main = open('semibot-api', DB_POOL_MAX)
    const background = open('semibot-api-background', DB_BACKGROUND_POOL_MAX)
    const readUrl = app.env.DATABASE_READ_URL
    const replica =
      readUrl === undefined
        ? undefined
        : open('semibot-api-reads', DB_READ_POOL_MAX, readUrl, DB_READ_STATEMENT_TIMEOUT_MS)
    const readsFor = (primary: DatabaseHandle): Reads =>
      createReads({
        primary: primary.db,
        replica: replica?.db,
        onRead: app.chatMetrics.databaseRead,
        onReplicaLost: (error) => app.log.warn({ err: error }, LOG.replicaLost),
        onReplicaBack: () => app.log.info(LOG.replicaBack)
      })
    const turnWriter = createTurnWriter(main.pool, { finishRetryMs: TURN_FINISH_RETRY_MS, onQuery })
    const onTouchError = (error: unknown) => app.log.debug({ err: error }, 'the use of an API key was not noted')

    app.decorate('db', main.db)
    app.decorate('backgroundDb', background.db)
    app.decorate('reads', readsFor(main))
    app.decorate('backgroundReads', readsFor(background))
    app.decorate('turnWriter', turnWriter)
    app.decorate('credentials', createCredentials({ db: main.db, backgroundDb: background.db, onTouchError }))
    app.dependencyMetrics.observePool(() => {
      const { totalCount, idleCount, waitingCount, options } = main.pool
      return { total: totalCount, idle: idleCount, waiting: waitingCount, max: options.max }
    })

    app.addHook('onClose', async () => {
      await turnWriter.close()
      await Promise.all([main.close(), background.close(), replica?.close()])
    })
  },
  { name: 'database', dependencies: ['environment', 'metrics'] }
)
