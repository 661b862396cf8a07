import { createHash, timingSafeEqual } from 'node:crypto'

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/**
 * Returns the look-up of a presented ADMIN_TOKEN: its name, `admin-1` for the first of the list, or undefined.
 * Every configured token is compared, in constant time, whatever the result of the ones before.
 */
export function createAdminTokenFinder(tokens: readonly string[]): (presented: string) => string | undefined {
  const hashes = tokens.map(hash)
  return (presented) => {
    const candidate = hash(presented)
    let place = -1
    for (const [index, known] of hashes.entries()) if (timingSafeEqual(known, candidate)) place = index
    return place === -1 ? undefined : `admin-${place + 1}`
  }
}
