import { setTimeout as pause } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { sqlStateOf } from '../classify-error.ts'
import { DatabaseTimeoutError, DatabaseUnavailableError } from '../errors.ts'
import type { Database } from '../schema.ts'
import { chooseServer, type LogPosition } from './choose-server.ts'
import { isSameCluster, standingOf } from './replica-standing.ts'
import { WrittenPosition } from './written-position.ts'

/**
 * Why a server answered a read: `caught_up` is the replica's; the others are the primary's, because the replica was
 * `behind`, `resting` after a failure, `failed` in this read, `not_a_replica`, or there is `none`.
 */
export type ReadReason = 'caught_up' | 'behind' | 'resting' | 'failed' | 'not_a_replica' | 'none'

export interface ReadsOptions {
  primary: Kysely<Database>
  /** Undefined: the primary answers everything. */
  replica?: Kysely<Database> | undefined
  /** Longest wait for a replica to repeat what was written. Default 20. */
  waitMs?: number
  /** Longest wait for the replica to say how far it is. Default 250. */
  answerMs?: number
  /** How long a replica that failed is left alone; then one read tries it. Default 5000. */
  restMs?: number
  /** Told of every read. */
  onRead?: (reason: ReadReason) => void
  /** Told why the replica is left alone, once for each rest. */
  onReplicaLost?: (error: unknown) => void
  /** Told when it answers again. */
  onReplicaBack?: () => void
}

export interface Reads {
  /** Whether the replica is left alone at the moment. */
  readonly isResting: boolean
  /**
   * Runs a read, on the replica where that shows everything committed before this call, by whatever process, else on
   * the primary. `query` may run twice, so it must change nothing. @throws what `query` throws on the primary
   */
  read<T>(query: (db: Kysely<Database>) => Promise<T>): Promise<T>
}

const FIRST_PAUSE_MS = 1

/** Reads that may leave the primary. Without a replica they cost nothing extra. */
export function createReads(options: ReadsOptions): Reads {
  const { primary, replica, onRead } = options
  if (replica !== undefined) return new ReplicaReads({ ...options, replica })
  return {
    isResting: false,
    read(query) {
      onRead?.('none')
      return query(primary)
    }
  }
}

class ReplicaReads implements Reads {
  readonly #options: ReadsOptions & { replica: Kysely<Database> }
  readonly #written: WrittenPosition
  /** Set while the replica is left alone. */
  #restsUntil: number | undefined
  /** Once it was seen to be a copy of the primary; seen anew after each rest. */
  #isCopy = false

  constructor(options: ReadsOptions & { replica: Kysely<Database> }) {
    this.#options = options
    this.#written = new WrittenPosition(options.primary)
  }

  get isResting(): boolean {
    return this.#restsUntil !== undefined
  }

  async read<T>(query: (db: Kysely<Database>) => Promise<T>): Promise<T> {
    const { primary, onRead } = this.#options
    if (this.#leavesAlone()) {
      onRead?.('resting')
      return query(primary)
    }
    const written = await this.#written.ask()
    const found = await this.#tryReplica(written, query)
    onRead?.(found.reason)
    return found.reason === 'caught_up' ? found.value : query(primary)
  }

  async #tryReplica<T>(
    written: LogPosition,
    query: (db: Kysely<Database>) => Promise<T>
  ): Promise<{ reason: 'caught_up'; value: T } | { reason: Exclude<ReadReason, 'caught_up'> }> {
    const { replica } = this.#options
    const limit = new AnswerLimit(this.#options.answerMs ?? 250)
    // One connection for both: behind one name there may be several replicas, each as far as it is.
    const attempt = replica.connection().execute(async (connection) => {
      const verdict = await this.#ask(connection, written, limit)
      if (verdict !== 'caught_up') return { reason: verdict }
      return { reason: verdict, value: await query(connection) }
    })
    // When the limit is over first, nobody waits for this one any more.
    attempt.catch(() => {})
    try {
      const found = await Promise.race([attempt, limit.over])
      if (found.reason === 'not_a_replica')
        this.#rest(new Error('the server of the read URL is no replica of the database'))
      else this.#recover()
      return found
    } catch (error) {
      if (!isReplicasFault(error)) throw error
      if (!isConflict(error)) this.#rest(error)
      return { reason: 'failed' }
    } finally {
      limit.end()
    }
  }

  async #ask(connection: Kysely<Database>, written: LogPosition, limit: AnswerLimit) {
    this.#isCopy ||= await isSameCluster(this.#options.primary, connection)
    if (!this.#isCopy) return 'not_a_replica'
    const startedAt = performance.now()
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      const standing = await standingOf(connection)
      limit.check()
      const waitedMs = performance.now() - startedAt
      const verdict = chooseServer(written, standing, waitedMs, this.#options.waitMs ?? 20)
      if (verdict.server !== 'wait') {
        limit.end()
        return verdict.reason
      }
      await pause(pauseMs)
    }
  }

  /** When the rest is over one read tries the replica; until it has an answer the others stay with the primary. */
  #leavesAlone(): boolean {
    if (this.#restsUntil === undefined) return false
    const now = performance.now()
    if (now < this.#restsUntil) return true
    this.#restsUntil = now + this.#restMs
    return false
  }

  #rest(error: unknown): void {
    const begins = this.#restsUntil === undefined
    this.#restsUntil = performance.now() + this.#restMs
    this.#isCopy = false
    if (begins) this.#options.onReplicaLost?.(error)
  }

  #recover(): void {
    if (this.#restsUntil === undefined) return
    this.#restsUntil = undefined
    this.#options.onReplicaBack?.()
  }

  get #restMs(): number {
    return this.#options.restMs ?? 5000
  }
}

/** Bounds the time until the replica has said how far it is; the read itself has the pool's limits. */
class AnswerLimit {
  /** Rejects when the time is over before `end`. */
  readonly over: Promise<never>
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(ms: number) {
    const { promise, reject } = Promise.withResolvers<never>()
    this.over = promise
    this.over.catch(() => {})
    this.#timer = setTimeout(() => {
      this.#isOver = true
      reject(new DatabaseTimeoutError(`the replica did not answer within ${ms} ms`))
    }, ms)
  }

  /** @throws DatabaseTimeoutError when the caller has gone elsewhere */
  check(): void {
    if (this.#isOver) throw new DatabaseTimeoutError('the replica answered too late')
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

/** Anything that the server or the connection says; an error of the caller's own, such as a bad cursor, is not. */
function isReplicasFault(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    error instanceof DatabaseTimeoutError ||
    sqlStateOf(error) !== undefined
  )
}

/** The replica had to give up the query to repeat a change, such as a dropped month. It is well otherwise. */
function isConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error) ?? '')
}
