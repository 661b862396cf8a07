import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from './schema.ts'

/** A month's partition of `messages`; from (inclusive) and to (exclusive) are midnights in UTC. */
export interface MonthPartition {
  name: string
  from: Date
  to: Date
}

/** What `ensurePartitions` has done. */
export interface PartitionReport {
  /** Names of the partitions made now. */
  created: string[]
  /** Rows that no month has a place for; should be 0, else an operator looks. */
  defaultRows: number
}

const DEFAULT_PARTITION = 'messages_default'
const LOCK = 'semibot partitions'
const COUNT_LIMIT = 100_000

/** The partition that holds messages of this moment. */
export function monthPartition(at: Date): MonthPartition {
  const year = at.getUTCFullYear()
  const month = at.getUTCMonth()
  const name = `messages_${year}_${String(month + 1).padStart(2, '0')}`
  return { name, from: new Date(Date.UTC(year, month, 1)), to: new Date(Date.UTC(year, month + 1, 1)) }
}

/**
 * Makes the partitions of this month and of `monthsAhead` more, where they are missing. Rows of such a month that
 * went into the default partition are moved. Safe to run anywhere at any time: one process does it, others wait.
 */
export async function ensurePartitions(
  db: Kysely<Database>,
  monthsAhead: number,
  now = new Date()
): Promise<PartitionReport> {
  const created: string[] = []
  for (let ahead = 0; ahead <= monthsAhead; ahead++) {
    const partition = monthPartition(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)))
    if (await partitionExists(db, partition.name)) continue
    const made = await db.transaction().execute((transaction) => createPartition(transaction, partition))
    if (made) created.push(partition.name)
  }
  return { created, defaultRows: await countDefaultRows(db) }
}

/** Rows in the default partition, counted up to 100,000. */
export async function countDefaultRows(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (select from ${sql.table(DEFAULT_PARTITION)} limit ${COUNT_LIMIT}) r`.execute(db)
  return rows[0]?.count ?? 0
}

/** The months that have a partition, oldest first. */
export async function listPartitions(db: Kysely<Database>): Promise<MonthPartition[]> {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'messages'::regclass and c.relname ~ '^messages_[0-9]{4}_[0-9]{2}$'
    order by 1`.execute(db)
  return rows.map(({ name }) => monthPartition(new Date(`${name.slice(9, 13)}-${name.slice(14)}-01T00:00:00Z`)))
}

async function partitionExists(db: Kysely<Database>, name: string): Promise<boolean> {
  const { rows } = await sql<{ exists: boolean }>`select to_regclass(${name}) is not null as exists`.execute(db)
  return rows[0]?.exists ?? false
}

/**
 * Attached instead of created in place: that locks the parent only against other DDL, so that chats go on. The
 * default partition is closed for the moment in which its rows move.
 */
async function createPartition(transaction: Transaction<Database>, partition: MonthPartition): Promise<boolean> {
  const { name, from, to } = partition
  await sql`select pg_advisory_xact_lock(hashtextextended(${LOCK}, 0))`.execute(transaction)
  // Reads of all months would queue behind a lock that is waited for.
  await sql`set local lock_timeout = '500ms'`.execute(transaction)
  // Before the look: a table lock makes the session see what others have created while it waited; an advisory
  // lock does not, and the look would answer from the session's cache.
  await sql`lock table only messages in share update exclusive mode`.execute(transaction)
  if (await partitionExists(transaction, name)) return false

  const table = sql.table(name)
  const fallback = sql.table(DEFAULT_PARTITION)
  await sql`create table ${table} (like messages including defaults including constraints)`.execute(transaction)
  await sql`lock table ${fallback} in access exclusive mode`.execute(transaction)
  await sql`
    with moved as (delete from ${fallback} where created_at >= ${from} and created_at < ${to} returning *)
    insert into ${table} select * from moved`.execute(transaction)
  await sql`
    alter table messages attach partition ${table}
    for values from (${sql.lit(from.toISOString())}) to (${sql.lit(to.toISOString())})`.execute(transaction)
  return true
}
