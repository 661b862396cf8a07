import type pg from 'pg'
import { toDatabaseError } from '../classify-error.ts'
import { DatabaseUnavailableError } from '../errors.ts'

/** One prepared statement; rows are arrays. */
export interface Statement {
  /** Prepared once per connection under this name. */
  name: string
  text: string
  values: unknown[]
}

/** Runs one statement in its own transaction. @throws DatabaseUnavailableError, DatabaseTimeoutError, pg.DatabaseError */
export async function runStatement(pool: pg.Pool, statement: Statement): Promise<unknown[][]> {
  let client: pg.PoolClient
  try {
    client = await pool.connect()
  } catch (error) {
    throw toDatabaseError(error, false)
  }

  let broken = false
  try {
    const result = await client.query({ ...statement, rowMode: 'array' })
    return result.rows
  } catch (error) {
    const typed = toDatabaseError(error, true)
    broken = typed instanceof DatabaseUnavailableError
    throw typed
  } finally {
    client.release(broken)
  }
}
