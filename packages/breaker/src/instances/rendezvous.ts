/** A 32-bit hash of a text: FNV-1a. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/**
 * The weight of a place for a key, by their hashes (highest random weight, Thaler and Ravishankar 1998). A
 * key prefers the place of the highest weight; when a place goes, only its own keys move.
 */
export function weightOf(key: number, place: number): number {
  let mixed = key ^ Math.imul(place, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** Whether a key belongs to a share of all keys. It does so for every greater share as well. */
export function isWithinShare(key: string, share: number): boolean {
  return weightOf(hashText(key), RAMP_PLACE) < share * 2 ** 32
}

/** Keeps the ramp independent of the choice of instance. */
const RAMP_PLACE = 0x52414d50
