import t from 'tap'
import { dueChats } from '../src/figures/load/run-load.ts'
import { median, quantile } from '../src/quantiles.ts'

t.test('the middle of some values', (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([7]), 7)
  t.ok(Number.isNaN(median([])))
  t.end()
})

t.test('a share of the values lies below its quantile', (t) => {
  t.ok(Number.isNaN(quantile([], 0.5)))
  t.equal(quantile([1, 2, 3, 4], 0), 1)
  t.equal(quantile([1, 2, 3, 4], 1), 4)
  for (let count = 1; count <= 20; count++) {
    const sorted = Array.from({ length: count }, (_, index) => index * index)
    for (const share of [0, 0.1, 0.5, 0.95, 0.99]) {
      const below = sorted.filter((value) => value < quantile(sorted, share)).length
      t.ok(below <= share * count && share * count < below + 1, `${share} of ${count}`)
    }
  }
  t.end()
})

t.test('chats come at their rate, which grows evenly at first', (t) => {
  t.equal(dueChats(0, { rate: 100, rampMs: 0 }), 1, 'the first at once')
  t.equal(dueChats(1000, { rate: 100, rampMs: 0 }), 101)
  t.equal(dueChats(1000, { rate: 100, rampMs: 1000 }), 51, 'half as many while it grows')
  t.equal(dueChats(2000, { rate: 100, rampMs: 1000 }), 151)
  t.end()
})
