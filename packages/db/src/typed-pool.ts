import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type pg from 'pg'
import { toDatabaseError } from './classify-error.ts'
import { DatabaseUnavailableError } from './errors.ts'
import { observed, operationOf, type QueryObserver } from './observe-queries.ts'

/** The pool as kysely uses it, with the errors of this package and without broken connections in it. */
export function createTypedPool(pool: pg.Pool, onQuery?: QueryObserver): PostgresPool {
  return {
    options: pool.options,
    async connect() {
      let client: pg.PoolClient
      try {
        client = await pool.connect()
      } catch (error) {
        throw toDatabaseError(error, false)
      }
      return typedClient(client, onQuery)
    },
    end: () => pool.end()
  }
}

function typedClient(client: pg.PoolClient, onQuery: QueryObserver | undefined): PostgresPoolClient {
  let broken = false

  async function query(text: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      const operation = onQuery === undefined ? '' : operationOf(text)
      return await observed(onQuery, operation, () => client.query(text, parameters as unknown[]))
    } catch (error) {
      const typed = toDatabaseError(error, true)
      if (typed instanceof DatabaseUnavailableError) broken = true
      throw typed
    }
  }

  return {
    query: query as PostgresPoolClient['query'],
    // The server may still be busy with the statement: such a connection must not be lent out again.
    release: (discard?: boolean) => client.release(broken || discard === true)
  }
}
