import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const ID_BYTES = 16
/** Random bytes are drawn for many ids at a time: one draw costs as much as an id. */
const pool = new Uint8Array(ID_BYTES * 512)
let used = pool.length

/** A new UUIDv7 for something that began at this time (milliseconds since the epoch). */
export function newId(msecs: number = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.subarray(used, used + ID_BYTES)
  used += ID_BYTES
  return v7({ msecs, random })
}
