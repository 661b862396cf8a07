import fc from 'fast-check'
import t from 'tap'
import { StartPace } from '../../src/turn-writer/start-pace.ts'

t.test('a start now and then never waits', async (t) => {
  const pace = new StartPace(100, 4)
  for (let now = 0; now <= 200; now += 10) {
    t.equal(pace.startsIn(now), 0)
    pace.started()
  }
})

t.test('after a burst the next start waits for its turn, and a quiet time allows another burst', async (t) => {
  const pace = new StartPace(100, 4)
  const burst = (now: number) => {
    for (let start = 0; start < 4; start++) {
      t.equal(pace.startsIn(now), 0)
      pace.started()
    }
    t.equal(pace.startsIn(now), 10)
  }
  burst(0)
  t.equal(pace.startsIn(4), 6)
  t.equal(pace.startsIn(10), 0)
  burst(1000)
})

t.test('whoever waits as long as it is told starts no more often than the rate and one burst allow', async (t) => {
  let runs = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.nat(50), { minLength: 1, maxLength: 200 }),
      (perSecond, burst, pauses) => {
        const pace = new StartPace(perSecond, burst)
        const starts: number[] = []
        let now = 0
        for (const pause of pauses) {
          now += pause
          now += pace.startsIn(now)
          if (pace.startsIn(now) !== 0) return false
          pace.started()
          starts.push(now)
        }
        runs++
        return starts.every((from, first) =>
          starts.slice(first).every((to, more) => more + 1 <= burst + ((to - from) * perSecond) / 1000 + 1e-6)
        )
      }
    )
  )
  t.equal(runs, 100)
})
