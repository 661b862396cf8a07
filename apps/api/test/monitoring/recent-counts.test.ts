import fc from 'fast-check'
import t from 'tap'
import { createRecentCounts } from '../../src/monitoring/recent-counts.ts'

const SECONDS = 5
const COLUMNS = 3

t.test('the totals are those of the last seconds, whatever happened when', async (t) => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(700), fc.nat(20_000)),
    column: fc.nat(COLUMNS - 1),
    amount: fc.nat(100_000)
  })
  fc.assert(
    fc.property(fc.nat(10_000_000), fc.array(step, { maxLength: 60 }), (start, steps) => {
      let time = start
      const counts = createRecentCounts({ columns: COLUMNS, seconds: SECONDS, now: () => time })
      const added: { second: number; column: number; amount: number }[] = []
      for (const { waitMs, column, amount } of steps) {
        time += waitMs
        counts.add(column, amount)
        const second = Math.floor(time / 1000)
        added.push({ second, column, amount })
        const expected = new Array<number>(COLUMNS).fill(0)
        for (const one of added) {
          if (second - one.second < SECONDS) expected[one.column] = (expected[one.column] ?? 0) + one.amount
        }
        if (Array.from(counts.totals()).join() !== expected.join()) return false
      }
      time += SECONDS * 1000
      return Array.from(counts.totals()).every((count) => count === 0)
    })
  )
  t.pass('for any sequence')
})
