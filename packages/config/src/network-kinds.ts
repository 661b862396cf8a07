import { isIP } from 'node:net'
import { z } from 'zod'
import type { ValueKind } from './key.ts'

const HOST_NAME = /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)*$/i
const NAMED_RANGES = ['loopback', 'linklocal', 'uniquelocal']

function isRange(value: string): boolean {
  const [address = '', prefix, ...more] = value.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
}

function checked(expected: string, type: string, isGood: (value: string) => boolean): ValueKind<string> {
  return { schema: z.string().refine(isGood, { error: expected }), expected, type }
}

/** An address to listen on. */
export function host(): ValueKind<string> {
  return checked('an IP address or a host name', 'host', (value) => isIP(value) !== 0 || HOST_NAME.test(value))
}

/** A trusted proxy. */
export function proxy(): ValueKind<string> {
  const expected = `an IP address, a CIDR range or one of ${NAMED_RANGES.join(', ')}`
  return checked(expected, 'address', (value) => NAMED_RANGES.includes(value) || isRange(value))
}
