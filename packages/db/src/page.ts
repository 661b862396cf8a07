import { type CursorKind, type CursorPosition, encodeCursor } from './cursor.ts'

/** One page of a list, newest first. `nextCursor` is null on the last page. */
export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

/** Which page of a list. */
export interface PageRequest {
  /** 1 to 100; others are brought into that range. */
  limit: number
  /** `nextCursor` of the page before. */
  cursor?: string | undefined
}

const MAX_PAGE = 100

/** Rows to ask for: one more than the page, which shows whether another page follows. */
export function rowsToFetch(page: PageRequest): number {
  return pageLimit(page) + 1
}

/** Cuts the extra row off and makes the cursor of the page's last row. */
export function toPage<T>(
  kind: CursorKind,
  page: PageRequest,
  rows: T[],
  positionOf: (row: T) => CursorPosition
): Page<T> {
  const limit = pageLimit(page)
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const more = rows.length > limit && last !== undefined
  return { items, nextCursor: more ? encodeCursor(kind, positionOf(last)) : null }
}

function pageLimit(page: PageRequest): number {
  return Math.min(Math.max(Math.trunc(page.limit) || 1, 1), MAX_PAGE)
}
