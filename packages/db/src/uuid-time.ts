const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether the text is a UUID of any version, in the usual form with hyphens. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

/**
 * Milliseconds since 1970 in a UUID of version 7 (RFC 9562, section 5.7: the first 48 bits), else undefined.
 */
export function uuidTimeMs(id: string): number | undefined {
  if (!UUID.test(id) || id.charCodeAt(14) !== 0x37) return undefined
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}
