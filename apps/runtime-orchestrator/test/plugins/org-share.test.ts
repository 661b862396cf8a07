import t from 'tap'
import { createPlaces, type Places } from '../../src/workers/places.ts'

function create(limit: number) {
  let time = 0
  const places = createPlaces(limit, () => time)
  return { places, pass: (milliseconds: number) => (time += milliseconds) }
}

/** Takes places until there is no more; returns how many, and why not more. */
function fill(places: Places, orgId: string): [taken: number, reason: string] {
  for (let taken = 0; ; taken++) {
    const reason = places.take(orgId)
    if (reason !== undefined) return [taken, reason]
  }
}

t.test('an organisation that is alone may take every place', async (t) => {
  t.same(fill(create(50).places, 'a'), [50, 'full'])
})

t.test('an organisation leaves room while others are about', async (t) => {
  const { places, pass } = create(50)
  places.take('b')
  places.give('b')
  t.same(fill(places, 'a'), [40, 'org_share'])
  t.same(fill(places, 'b'), [10, 'full'], 'the others get the rest')
  pass(61_000)
  places.give('a')
  t.equal(places.take('a'), undefined)
  t.equal(places.take('a'), 'full', 'they are still running')
})

t.test('the share ends when the others have been away for a minute', async (t) => {
  const { places, pass } = create(50)
  places.take('b')
  places.give('b')
  t.same(fill(places, 'a'), [40, 'org_share'])
  pass(60_000)
  t.same(fill(places, 'a'), [10, 'full'])
})

t.test('with a single place everybody may have it', async (t) => {
  const { places } = create(1)
  places.take('b')
  places.give('b')
  t.same(fill(places, 'a'), [1, 'full'])
})

t.test('a place that nobody has cannot be given back', async (t) => {
  const { places } = create(2)
  places.give('a')
  places.take('a')
  places.give('a')
  places.give('a')
  t.equal(places.inFlight, 0)
  t.same(fill(places, 'a'), [2, 'full'])
})
