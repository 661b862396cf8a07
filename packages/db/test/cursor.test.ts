import fc from 'fast-check'
import t from 'tap'
import { type CursorKind, decodeCursor, encodeCursor } from '../src/cursor.ts'
import { InvalidCursorError } from '../src/errors.ts'
import { rowsToFetch, toPage } from '../src/page.ts'

const KINDS: CursorKind[] = ['sessions', 'messages', 'fallback-events', 'organizations']
const position = fc.record({ order: fc.integer({ min: 0, max: 8.64e15 }), id: fc.uuid() })

t.test('a cursor comes back as the position that it was made of', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), position, (kind, place) => {
      const cursor = encodeCursor(kind, place)
      const decoded = decodeCursor(kind, cursor)
      return /^[\w-]{1,500}$/.test(cursor) && decoded.order === place.order && decoded.id === place.id
    })
  )
  t.pass()
  t.end()
})

t.test('whatever is not a cursor of the list is refused with a typed error', (t) => {
  const other = encodeCursor('messages', { order: 1, id: '01a202b4-2d84-72cd-b793-9a22d65829f2' })
  const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const bad = [
    other,
    '',
    'x',
    'a b',
    '%00',
    'a'.repeat(501),
    made({}),
    made([1, 'sessions', 'now', '01a202b4-2d84-72cd-b793-9a22d65829f2']),
    made([1, 'sessions', 1.5, '01a202b4-2d84-72cd-b793-9a22d65829f2']),
    made([1, 'sessions', 8.7e15, '01a202b4-2d84-72cd-b793-9a22d65829f2']),
    made([1, 'sessions', 1, "' or true"]),
    made([2, 'sessions', 1, '01a202b4-2d84-72cd-b793-9a22d65829f2'])
  ]
  for (const cursor of bad) t.throws(() => decodeCursor('sessions', cursor), InvalidCursorError, cursor.slice(0, 60))
  fc.assert(
    fc.property(fc.string(), (cursor) => {
      try {
        decodeCursor('sessions', cursor)
        return false
      } catch (error) {
        return error instanceof InvalidCursorError
      }
    })
  )
  t.end()
})

t.test('a page has a next cursor only when another row follows', (t) => {
  const rows = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]
  const at = (row: { id: string }) => ({ order: 1, id: row.id })
  t.match(toPage('sessions', { limit: 2 }, rows, at), { items: [{ id: 'a' }, { id: 'b' }], nextCursor: /./ })
  t.strictSame(toPage('sessions', { limit: 3 }, rows, at), { items: rows, nextCursor: null })
  t.strictSame(toPage('sessions', { limit: 3 }, [], at), { items: [], nextCursor: null })
  for (const [limit, expected] of [
    [20, 21],
    [0, 2],
    [-1, 2],
    [1000, 101],
    [Number.NaN, 2]
  ] as const) {
    t.equal(rowsToFetch({ limit }), expected, `limit ${limit}`)
  }
  t.end()
})
