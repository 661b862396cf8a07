import fc from 'fast-check'
import t from 'tap'
import { wideAwakeClock } from '../../src/engine/wide-awake-clock.ts'

function start() {
  const at = { steady: 100, wall: 1_000_000 }
  return { at, now: wideAwakeClock({ steady: () => at.steady, wall: () => at.wall }) }
}

t.test('a sleep of the machine counts, whichever clock tells of it', async (t) => {
  const { at, now } = start()
  const begun = now()
  at.steady += 10
  at.wall += 10
  t.equal(now() - begun, 10)
  at.wall += 60_000
  t.equal(now() - begun, 60_010, 'the machine was suspended')
  at.steady += 5_000
  at.wall -= 3_600_000
  t.equal(now() - begun, 65_010, 'the wall clock was set back')
})

t.test('it never goes back, nor is it slower than the steady clock', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1e6), fc.integer({ min: -1e6, max: 1e6 }))), (steps) => {
      const { at, now } = start()
      return steps.every(([steady, wall]) => {
        const before = now()
        at.steady += steady
        at.wall += wall
        return now() - before >= steady
      })
    })
  )
  t.pass('held for all')
})

t.test('to be asked often makes it no faster', async (t) => {
  const { at, now } = start()
  const begun = now()
  const { steady, wall } = at
  // The wall clock tells whole milliseconds.
  for (let asked = 1; asked <= 10_000; asked++) {
    at.steady = steady + asked / 10
    at.wall = wall + Math.floor(asked / 10 + 0.5)
    now()
  }
  t.ok(Math.abs(now() - begun - 1000) < 1, 'a second is a second')
})

t.test('it runs by itself', async (t) => {
  const now = wideAwakeClock()
  const before = now()
  await new Promise((resolve) => setTimeout(resolve, 5))
  t.ok(now() > before)
})
