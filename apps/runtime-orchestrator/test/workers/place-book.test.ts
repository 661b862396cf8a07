import fc from 'fast-check'
import t from 'tap'
import { createPlaceBook } from '../../src/workers/place-book.ts'
import { createPlaces } from '../../src/workers/places.ts'
import { restartPauseMs } from '../../src/workers/restart-pause.ts'

t.test('an execution belongs to the worker that got its place, and to nobody once that is gone', async (t) => {
  const book = createPlaceBook(createPlaces(10))
  t.same(book.claim(1, 'x', 'org'), { kind: 'granted' })
  t.same(book.claim(2, 'x', 'org'), { kind: 'elsewhere', worker: 1 })
  t.same(book.claim(1, 'x', 'org'), { kind: 'granted' }, 'a later attempt of the same worker')
  t.equal(book.ownerOf('x'), 1)
  book.gone(1)
  t.equal(book.ownerOf('x'), undefined)
  t.same(book.claim(2, 'x', 'org'), { kind: 'granted' })
})

t.test('the limit holds for all workers together, and a dead worker gives its places back', async (t) => {
  const places = createPlaces(3)
  const book = createPlaceBook(places)
  for (const [worker, id] of [
    [1, 'a'],
    [1, 'b'],
    [2, 'c']
  ] as const)
    t.equal(book.claim(worker, id, 'org').kind, 'granted')
  t.same(book.claim(2, 'd', 'org'), { kind: 'refused', reason: 'full' })
  t.equal(book.ownerOf('d'), undefined, 'a refused one belongs to nobody')
  book.release(2, 'org')
  t.equal(places.inFlight, 2)
  book.gone(1)
  t.equal(places.inFlight, 0)
  book.release(1, 'org')
  t.equal(places.inFlight, 0, 'what a dead worker still says changes nothing')
})

t.test('an execution that its worker has left may go on in any other', async (t) => {
  const places = createPlaces(2)
  const book = createPlaceBook(places)
  book.claim(1, 'x', 'org')
  book.release(2, 'org', 'x')
  t.equal(book.ownerOf('x'), 1, 'only the owner can give it away')
  book.release(1, 'org', 'x')
  t.equal(book.ownerOf('x'), undefined)
  t.same(book.claim(2, 'x', 'org'), { kind: 'granted' })
  t.equal(places.inFlight, 1)
})

t.test('the oldest owners are forgotten first', async (t) => {
  const book = createPlaceBook(createPlaces(10), 2)
  for (const id of ['a', 'b', 'c']) book.claim(1, id, 'org')
  t.same(
    ['a', 'b', 'c'].map((id) => book.ownerOf(id)),
    [undefined, 1, 1]
  )
})

t.test('whatever workers do, places taken are those of executions under way', async (t) => {
  const step = fc.record({
    what: fc.constantFrom('claim', 'release', 'gone'),
    worker: fc.integer({ min: 1, max: 3 }),
    org: fc.constantFrom('a', 'b'),
    id: fc.integer({ min: 0, max: 5 })
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const places = createPlaces(4)
      const book = createPlaceBook(places)
      const held = new Map<number, string[]>()
      for (const { what, worker, org, id } of steps) {
        const mine = held.get(worker) ?? []
        if (what === 'claim') {
          if (book.claim(worker, String(id), org).kind === 'granted') held.set(worker, [...mine, org])
        } else if (what === 'release') {
          book.release(worker, org)
          if (mine.includes(org)) mine.splice(mine.indexOf(org), 1)
        } else {
          book.gone(worker)
          held.delete(worker)
        }
        const expected = [...held.values()].reduce((sum, orgs) => sum + orgs.length, 0)
        if (places.inFlight !== expected || expected > 4) return false
      }
      return true
    })
  )
  t.pass('for any order')
})

t.test('a worker that keeps dying starts again after longer and longer pauses, at most 30 s', async (t) => {
  const pauses: number[] = []
  for (let last: number | undefined; pauses.length < 7; pauses.push(last)) last = restartPauseMs(last, 10)
  t.same(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  t.equal(restartPauseMs(30_000, 60_000), 1000, 'one that was steady begins anew')
})
