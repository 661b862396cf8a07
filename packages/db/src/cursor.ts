import { InvalidCursorError } from './errors.ts'

/** Which list a cursor belongs to; part of the cursor, so that one list never takes another's. */
export type CursorKind = 'sessions' | 'messages' | 'fallback-events' | 'organizations'

/** The last row of a page: its place in the order (milliseconds or a sequence number) and its id. */
export interface CursorPosition {
  order: number
  id: string
}

const VERSION = 1
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** An opaque, URL-safe cursor. */
export function encodeCursor(kind: CursorKind, position: CursorPosition): string {
  return Buffer.from(JSON.stringify([VERSION, kind, position.order, position.id])).toString('base64url')
}

/** @throws InvalidCursorError when the text was not made by `encodeCursor` for this kind of list. */
export function decodeCursor(kind: CursorKind, cursor: string): CursorPosition {
  const [version, cursorKind, order, id] = parseArray(cursor)
  const known = version === VERSION && cursorKind === kind
  if (!known || !Number.isSafeInteger(order) || typeof id !== 'string' || !UUID.test(id)) throw new InvalidCursorError()
  // Beyond the dates that both JavaScript and PostgreSQL have, the query would fail instead.
  if (Math.abs(order as number) > 8.64e15) throw new InvalidCursorError()
  return { order: order as number, id }
}

function parseArray(cursor: string): unknown[] {
  if (cursor.length > 500 || !/^[\w-]+$/.test(cursor)) throw new InvalidCursorError()
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : []
  } catch {
    throw new InvalidCursorError()
  }
}
