import { createHash, timingSafeEqual } from 'node:crypto'

/** The parts of a presented API key that the server works with; the secret itself is not kept. */
export interface PresentedApiKey {
  id: string
  /** SHA-256 of the whole key. */
  hash: Buffer
}

const FORMAT = /^sb_([A-Za-z0-9-]{1,64})_([A-Za-z0-9_-]{16,128})$/

/** Whether a bearer token means to be an API key (and not a JWT). */
export function isApiKey(token: string): boolean {
  return token.startsWith('sb_')
}

/** Takes `sb_<id>_<secret>` apart; null when it has another form. */
export function parseApiKey(token: string): PresentedApiKey | null {
  const id = FORMAT.exec(token)?.[1]
  return id === undefined ? null : { id, hash: createHash('sha256').update(token).digest() }
}

/** Compares two SHA-256 hashes in constant time. */
export function hashesEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
