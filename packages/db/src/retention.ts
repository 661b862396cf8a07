import { setTimeout as wait } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { DatabaseTimeoutError } from './errors.ts'
import { deleteExpiredIdempotencyKeys } from './idempotency.ts'
import { listPartitions, type MonthPartition } from './partitions.ts'
import type { Database } from './schema.ts'

export interface RetentionOptions {
  /** What is older than this many days goes; at least 1. */
  days: number
  /** Count only, change nothing. Default false. */
  dryRun?: boolean | undefined
  /** Rows deleted per transaction. Default 5000. */
  batch?: number | undefined
  /** Default: the clock of this process. */
  now?: Date | undefined
}

/** What a run of `retention` has removed, or would remove. */
export interface RetentionReport {
  cutoff: Date
  dryRun: boolean
  /** False: another process is at it, nothing was done. */
  ran: boolean
  /** Whole months of messages that were dropped. */
  droppedPartitions: string[]
  /** Months that somebody, such as a backup, has in use; the next run drops them. */
  blockedPartitions: string[]
  /** Rows deleted one batch after the other; in a dry run, that would be. */
  deleted: {
    messages: number
    executions: number
    toolCalls: number
    executionSteps: number
    sessions: number
    idempotencyKeys: number
  }
}

const LOCK = 'semibot retention'
const DAY_MS = 86_400_000
const DROP_LOCK_TIMEOUT = '250ms'
const DROP_TRIES = 4

/**
 * Removes what is older than `days`: whole months of messages by dropping their partition, the rest in small
 * batches that skip rows in use; then executions, their journals and tool calls of that age, sessions deleted that long ago, and
 * expired idempotency keys. Running executions stay. One process at a time.
 * @throws RangeError for `days` below 1
 */
export async function retention(db: Kysely<Database>, options: RetentionOptions): Promise<RetentionReport> {
  const { days, dryRun = false, batch = 5000, now = new Date() } = options
  if (!(days >= 1)) throw new RangeError(`days: expected at least 1, got ${days}`)
  const report: RetentionReport = {
    cutoff: new Date(now.getTime() - days * DAY_MS),
    dryRun,
    ran: false,
    droppedPartitions: [],
    blockedPartitions: [],
    deleted: { messages: 0, executions: 0, toolCalls: 0, executionSteps: 0, sessions: 0, idempotencyKeys: 0 }
  }

  await db.connection().execute(async (connection) => {
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_lock(hashtextextended(${LOCK}, 0)) as locked`.execute(connection)
    if (!rows[0]?.locked) return
    report.ran = true
    try {
      await removeMessages(connection, report, batch)
      await removeTheRest(connection, report, batch)
    } finally {
      await sql`select pg_advisory_unlock(hashtextextended(${LOCK}, 0))`.execute(connection)
    }
  })
  return report
}

async function removeMessages(db: Kysely<Database>, report: RetentionReport, batch: number): Promise<void> {
  const months = await listPartitions(db)
  for (const month of months.filter(({ to }) => to <= report.cutoff)) {
    const dropped = report.dryRun || (await dropPartition(db, month))
    if (dropped) report.droppedPartitions.push(month.name)
    else report.blockedPartitions.push(month.name)
  }
  const edge = months.filter(({ from, to }) => from < report.cutoff && to > report.cutoff).map(({ name }) => name)
  for (const table of [...edge, 'messages_default']) {
    report.deleted.messages += await removeRows(db, report, batch, table, sql`created_at < ${report.cutoff}`)
  }
}

async function removeTheRest(db: Kysely<Database>, report: RetentionReport, batch: number): Promise<void> {
  const { deleted, cutoff } = report
  const old = sql`created_at < ${cutoff}`
  const ended = sql`${old} and status not in ('running', 'waiting_approval')`
  deleted.toolCalls = await removeRows(db, report, batch, 'tool_calls', old)
  deleted.executionSteps = await removeRows(db, report, batch, 'execution_steps', sql`began_at < ${cutoff}`)
  await removeRows(db, report, batch, 'durable_executions', sql`${old} and status <> 'running'`)
  deleted.executions = await removeRows(db, report, batch, 'executions', ended)
  deleted.sessions = await removeRows(db, report, batch, 'sessions', sql`deleted_at < ${cutoff}`)
  if (report.dryRun) {
    deleted.idempotencyKeys = await countRows(db, 'idempotency_keys', sql`expires_at <= now()`)
    return
  }
  deleted.idempotencyKeys = await repeat(batch, () => deleteExpiredIdempotencyKeys(db, batch))
}

type Condition = ReturnType<typeof sql>

async function removeRows(
  db: Kysely<Database>,
  report: RetentionReport,
  batch: number,
  table: string,
  condition: Condition
): Promise<number> {
  if (report.dryRun) return await countRows(db, table, condition)
  const name = sql.table(table)
  return await repeat(batch, async () => {
    const result = await sql`
      delete from ${name} where ctid = any(array(
        select ctid from ${name} where ${condition} limit ${batch} for update skip locked))`.execute(db)
    return Number(result.numAffectedRows ?? 0)
  })
}

async function countRows(db: Kysely<Database>, table: string, condition: Condition): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from ${sql.table(table)} where ${condition}`.execute(db)
  return rows[0]?.count ?? 0
}

async function repeat(batch: number, run: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const count = await run()
    total += count
    if (count < batch) return total
  }
}

/**
 * Dropping needs the whole table for an instant. It waits only briefly, so that chats do not queue behind it, and
 * gives up when the table stays in use: false.
 */
async function dropPartition(db: Kysely<Database>, month: MonthPartition): Promise<boolean> {
  for (let tries = 1; tries <= DROP_TRIES; tries++) {
    try {
      await sql`begin`.execute(db)
      await sql`set local lock_timeout = ${sql.lit(DROP_LOCK_TIMEOUT)}`.execute(db)
      await sql`drop table ${sql.table(month.name)}`.execute(db)
      await sql`commit`.execute(db)
      return true
    } catch (error) {
      await sql`rollback`.execute(db)
      if (!(error instanceof DatabaseTimeoutError)) throw error
      await wait(tries * 200 * Math.random())
    }
  }
  return false
}
