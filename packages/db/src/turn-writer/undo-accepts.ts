import type pg from 'pg'
import { runStatement } from './run-statement.ts'
import type { AcceptTurn } from './types.ts'

const RETRY_MS = 1000
const MAX_WAITING = 10_000
const MAX_BATCH = 500
// Counted from the first look that was answered, and longer than a statement may run: one whose connection broke, or
// that a frozen server had not read yet, may still be under way then, and commit after it was looked for.
const LOOK_AGAIN_MS = 10_000

interface UndecidedAccept {
  turn: AcceptTurn
  lookedAt?: number
}

/**
 * Takes back accepts whose callers were told that they failed while the commit's outcome is unknown, as soon as
 * the database answers again. What is left when the process ends is swept as an orphan.
 */
export class AcceptUndoer {
  readonly #pool: pg.Pool
  readonly #now: () => number
  #waiting: UndecidedAccept[] = []
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(pool: pg.Pool, now = () => performance.now()) {
    this.#pool = pool
    this.#now = now
  }

  add(turns: AcceptTurn[]): void {
    for (const turn of turns.slice(0, MAX_WAITING - this.#waiting.length)) this.#waiting.push({ turn })
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
    try {
      await runStatement(this.#pool, {
        name: 'semibot_undo_accept_v1',
        text: 'select semibot_undo_accept_v1($1)',
        values: [JSON.stringify(accepts.map(({ turn }) => toItem(turn)))]
      })
      const now = this.#now()
      for (const accept of accepts) {
        accept.lookedAt ??= now
        if (now - accept.lookedAt < LOOK_AGAIN_MS) this.#waiting.push(accept)
      }
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
