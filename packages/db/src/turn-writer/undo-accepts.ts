import type pg from 'pg'
import { runStatement } from './run-statement.ts'
import type { AcceptTurn } from './types.ts'

const RETRY_MS = 1000
const MAX_WAITING = 10_000
const MAX_BATCH = 500
// Longer than a statement may run: one whose connection broke may still be under way on the server, and commit
// after it was looked for.
const LOOK_AGAIN_MS = 10_000

interface UndecidedAccept {
  turn: AcceptTurn
  since: number
}

/**
 * Takes back accepts whose callers were told that they failed while the commit's outcome is unknown, as soon as
 * the database answers again. What is left when the process ends is swept as an orphan.
 */
export class AcceptUndoer {
  readonly #pool: pg.Pool
  #waiting: UndecidedAccept[] = []
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  add(turns: AcceptTurn[]): void {
    const since = performance.now()
    for (const turn of turns.slice(0, MAX_WAITING - this.#waiting.length)) this.#waiting.push({ turn, since })
    this.#schedule()
  }

  /**
   * One attempt now, where something waits. Done before each accept too: a caller that tries again with its
   * idempotency key must not be answered with an execution that is about to vanish.
   */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    this.#running ??= this.#undo().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  /** One last attempt. */
  async close(): Promise<void> {
    await this.flush()
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.flush(), RETRY_MS)
    this.#timer.unref()
  }

  async #undo(): Promise<void> {
    const accepts = this.#waiting.splice(0, MAX_BATCH)
    const now = performance.now()
    try {
      await runStatement(this.#pool, {
        name: 'semibot_undo_accept_v1',
        text: 'select semibot_undo_accept_v1($1)',
        values: [JSON.stringify(accepts.map(({ turn }) => toItem(turn)))]
      })
      this.#waiting.push(...accepts.filter(({ since }) => now - since < LOOK_AGAIN_MS))
    } catch {
      // Still away; the timer comes again.
      this.#waiting.push(...accepts)
    }
    if (this.#waiting.length > 0) this.#schedule()
  }
}

function toItem(turn: AcceptTurn) {
  return {
    org_id: turn.orgId,
    session_id: turn.sessionId,
    new_session: turn.newSession,
    execution_id: turn.executionId,
    idempotency_key: turn.idempotency?.key
  }
}
