import { type Kysely, sql } from 'kysely'
import { sqlStateOf } from '../classify-error.ts'
import type { Database } from '../schema.ts'
import { parseLogPosition, type ReplicaStanding } from './choose-server.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

/** How far a server has repeated its primary's log. */
export async function standingOf(db: Kysely<Database>): Promise<ReplicaStanding> {
  const { rows } = await sql<{ standby: boolean; replayed: string | null }>`
    select pg_is_in_recovery() as standby, pg_last_wal_replay_lsn()::text as replayed`.execute(db)
  const { standby = false, replayed = null } = rows[0] ?? {}
  return { standby, replayed: replayed === null ? null : parseLogPosition(replayed) }
}

/**
 * Whether two servers are copies of one another: the positions of two logs that have nothing to do with each other
 * can be compared, too, and would say that a replica of another installation is up to date.
 */
export async function isSameCluster(primary: Kysely<Database>, replica: Kysely<Database>): Promise<boolean> {
  const [ours, theirs] = await Promise.all([clusterOf(primary), clusterOf(replica)])
  return ours === undefined || theirs === undefined || ours === theirs
}

/** The number that initdb gave it, which its copies share; undefined where the role may not ask. */
async function clusterOf(db: Kysely<Database>): Promise<string | undefined> {
  try {
    const { rows } = await sql<{ cluster: string }>`
      select system_identifier::text as cluster from pg_control_system()`.execute(db)
    return rows[0]?.cluster
  } catch (error) {
    if (sqlStateOf(error) === INSUFFICIENT_PRIVILEGE) return undefined
    throw error
  }
}

/** What a server is to the primary. */
export type ReplicaState =
  | { state: 'replica'; behindBytes: number }
  /** It takes writes itself, or repeats another installation. */
  | { state: 'not_a_replica' }

/**
 * Looks at a replica beside its primary.
 * @throws DatabaseUnavailableError, DatabaseTimeoutError when either of them does not answer
 */
export async function replicaState(primary: Kysely<Database>, replica: Kysely<Database>): Promise<ReplicaState> {
  const { standby, replayed } = await standingOf(replica)
  if (!(standby && (await isSameCluster(primary, replica)))) return { state: 'not_a_replica' }
  const { rows } = await sql<{ written: string }>`select pg_current_wal_flush_lsn()::text as written`.execute(primary)
  const behind = parseLogPosition(rows[0]?.written ?? '') - (replayed ?? 0n)
  return { state: 'replica', behindBytes: Number(behind > 0n ? behind : 0n) }
}
