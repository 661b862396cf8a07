import t from 'tap'
import { createWindowCounter } from '../../src/limits/window-counter.ts'

function createClock() {
  let time = 1000
  return { now: () => time, advance: (ms: number) => (time += ms) }
}

t.test('counts within one window and begins again after it', async (t) => {
  const clock = createClock()
  const counter = createWindowCounter({ windowMs: 60_000, maxKeys: 10, now: clock.now })
  t.same(counter.increment('a'), { count: 1, endsInMs: 60_000 })
  clock.advance(59_999)
  t.same(counter.increment('a'), { count: 2, endsInMs: 1 })
  clock.advance(1)
  t.same(counter.read('a'), { count: 0, endsInMs: 0 })
  t.same(counter.increment('a'), { count: 1, endsInMs: 60_000 })
})

t.test('keys are counted apart, and reading counts nothing', async (t) => {
  const counter = createWindowCounter({ windowMs: 1000, maxKeys: 10, now: () => 0 })
  counter.increment('a')
  counter.increment('a')
  counter.increment('b')
  t.equal(counter.read('a').count, 2)
  t.equal(counter.read('a').count, 2)
  t.equal(counter.read('b').count, 1)
  t.equal(counter.read('c').count, 0)
})

t.test('remembers no more keys than it may', async (t) => {
  const counter = createWindowCounter({ windowMs: 1000, maxKeys: 2, now: () => 0 })
  for (const key of ['a', 'b', 'c']) counter.increment(key)
  t.same(
    ['a', 'b', 'c'].map((key) => counter.read(key).count),
    [0, 1, 1]
  )
})
