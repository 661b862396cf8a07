import fc from 'fast-check'
import t from 'tap'
import { createExtraCallBudget } from '../src/index.ts'

t.test('a tenth of the requests of ten seconds, and three a second on top', (t) => {
  let nowMs = 0
  const budget = createExtraCallBudget({ now: () => nowMs })
  const take = (times: number) => Array.from({ length: times }, () => budget.tryTake(true)).filter(Boolean).length
  t.equal(take(100), 30, 'without requests the minimum of ten seconds')
  nowMs = 10_000
  for (let request = 0; request < 1000; request++) budget.request()
  t.equal(take(500), 130)
  nowMs = 19_999
  t.equal(take(10), 0, 'they are remembered for ten seconds')
  nowMs = 20_000
  t.equal(take(100), 30, 'and no longer')
  t.end()
})

t.test('failing over is free once the breaker is not closed, and costs nothing afterwards', (t) => {
  const budget = createExtraCallBudget({ now: () => 0, share: 0, perSecond: 0.1 })
  for (let call = 0; call < 1000; call++) t.ok(budget.tryTake(false))
  t.ok(budget.tryTake(true))
  t.notOk(budget.tryTake(true))
  t.end()
})

t.test('never grants more than its rule, nor less, looking back ten seconds', (t) => {
  const step = fc.record({ pauseMs: fc.nat(4000), requests: fc.nat(60), wanted: fc.nat(40) })
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    let nowMs = 500
    const budget = createExtraCallBudget({ now: () => nowMs })
    const events: { second: number; requests: number; taken: number }[] = []
    for (const { pauseMs, requests, wanted } of steps) {
      nowMs += pauseMs
      for (let request = 0; request < requests; request++) budget.request()
      let taken = 0
      for (let call = 0; call < wanted; call++) if (budget.tryTake(true)) taken++
      const second = Math.floor(nowMs / 1000)
      events.push({ second, requests, taken })
      const recent = events.filter((event) => event.second > second - 10)
      const sum = (key: 'requests' | 'taken') => recent.reduce((total, event) => total + event[key], 0)
      const allowed = 0.1 * sum('requests') + 30
      if (taken > 0 && sum('taken') > allowed) return false
      if (taken < wanted && sum('taken') + 1 <= allowed) return false
    }
    return true
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1000 }))
  t.end()
})
