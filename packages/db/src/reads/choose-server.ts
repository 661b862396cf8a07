/** A place in the write-ahead log. */
export type LogPosition = bigint

/** Who answers a read, and why. */
export type ReadVerdict =
  | { server: 'replica'; reason: 'caught_up' }
  | { server: 'primary'; reason: 'behind' | 'not_a_replica' }
  /** Ask the replica again after a moment. */
  | { server: 'wait' }

export interface ReplicaStanding {
  /** False for a server that takes writes: one that was promoted, or a wrong URL. */
  standby: boolean
  /** Up to here the replica has repeated the primary's log; null when it has repeated nothing. */
  replayed: LogPosition | null
}

/**
 * Whether a replica may answer a read that has to show everything committed up to `written`. It may be waited for
 * `waitMs` in all. Pure.
 */
export function chooseServer(
  written: LogPosition,
  { standby, replayed }: ReplicaStanding,
  waitedMs: number,
  waitMs: number
): ReadVerdict {
  if (!standby) return { server: 'primary', reason: 'not_a_replica' }
  if (replayed !== null && replayed >= written) return { server: 'replica', reason: 'caught_up' }
  return waitedMs < waitMs ? { server: 'wait' } : { server: 'primary', reason: 'behind' }
}

/**
 * Reads the text form of a `pg_lsn`, such as `16/B374D848`: the upper and the lower 32 bits in hexadecimal digits.
 * @throws TypeError for anything else
 */
export function parseLogPosition(text: string): LogPosition {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text)
  if (match === null) throw new TypeError(`log position: expected two numbers such as 16/B374D848, got "${text}"`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}
