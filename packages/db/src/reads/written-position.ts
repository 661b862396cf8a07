import { type Kysely, sql } from 'kysely'
import type { Database } from '../schema.ts'
import { type LogPosition, parseLogPosition } from './choose-server.ts'

// Whoever was told that a commit is done finds it below the flushed end of the log, unless the server answers
// before it flushes. The end of what is inserted is mostly ahead of that, and out of any replica's reach until then.
const WRITTEN = sql<{ written: string }>`
  select case current_setting('synchronous_commit') when 'off' then pg_current_wal_insert_lsn()
    else pg_current_wal_flush_lsn() end::text as written`

/**
 * Asks the primary how far its log is. Callers share a question, but only one that is sent after they came: an
 * earlier one could miss what they have written since.
 */
export class WrittenPosition {
  readonly #primary: Kysely<Database>
  #underWay: Promise<unknown> = Promise.resolve()
  #next: Promise<LogPosition> | undefined

  constructor(primary: Kysely<Database>) {
    this.#primary = primary
  }

  /** Everything whose commit was answered before this call lies at or below. @throws DatabaseUnavailableError, DatabaseTimeoutError */
  ask(): Promise<LogPosition> {
    this.#next ??= this.#askAfter(this.#underWay)
    return this.#next
  }

  async #askAfter(earlier: Promise<unknown>): Promise<LogPosition> {
    await earlier
    // From here on the question may be on its way: whoever comes now needs another one.
    this.#next = undefined
    const answer = WRITTEN.execute(this.#primary)
    this.#underWay = answer.catch(() => {})
    const { rows } = await answer
    return parseLogPosition(rows[0]?.written ?? '')
  }
}
