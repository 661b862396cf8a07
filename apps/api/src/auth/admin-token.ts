import { createHash, timingSafeEqual } from 'node:crypto'

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/**
 * Returns the check of a presented ADMIN_TOKEN. Every configured token is compared, in constant time,
 * whatever the result of the ones before.
 */
export function createAdminTokenCheck(tokens: readonly string[]): (presented: string) => boolean {
  const hashes = tokens.map(hash)
  return (presented) => {
    const candidate = hash(presented)
    let matches = false
    for (const known of hashes) matches = timingSafeEqual(known, candidate) || matches
    return matches
  }
}
