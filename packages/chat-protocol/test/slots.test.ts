import fc from 'fast-check'
import t from 'tap'
import { SlotMap, Slots } from '../src/slots.ts'

const id = fc.constantFrom('a', 'b', 'c', 'd')
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), id, value: fc.integer() }),
  fc.record({ kind: fc.constant('delete' as const), id })
)

t.test('a slot map holds what a map holds', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const map = new SlotMap<{ value: number }>()
      const model = new Map<string, { value: number }>()
      for (const each of steps) {
        if (each.kind === 'delete') {
          t.equal(map.delete(each.id), model.delete(each.id))
        } else {
          const value = { value: each.value }
          map.set(each.id, value)
          model.set(each.id, value)
        }
        t.equal(map.size, model.size)
        for (const known of ['a', 'b', 'c', 'd']) {
          t.equal(map.get(known), model.get(known))
          t.equal(map.has(known), model.has(known))
        }
        t.same(new Set(map.values()), new Set(model.values()))
      }
    }),
    { numRuns: 30 }
  )
  t.end()
})

t.test('a place that is free again is given out again, so that the slots grow to what was in them at once', (t) => {
  const slots = new Slots<string>()
  const first = slots.add('a')
  const second = slots.add('b')
  t.not(first, second)
  t.equal(slots.size, 2)
  slots.delete(first)
  t.equal(slots.size, 1)
  t.equal(slots.at(first), undefined)
  t.equal(slots.add('c'), first)
  t.same(new Set(slots), new Set(['b', 'c']))
  for (let round = 0; round < 1000; round++) slots.delete(slots.add('d'))
  t.ok(slots.add('e') <= 2)
  t.end()
})

t.test('values that leave while others are looked at are left out', (t) => {
  const slots = new Slots<string>()
  const places = ['a', 'b', 'c'].map((value) => slots.add(value))
  const seen: string[] = []
  for (const value of slots) {
    seen.push(value)
    if (value === 'a') slots.delete(places[1]!)
  }
  t.same(seen, ['a', 'c'])
  t.end()
})
