import { mock } from 'node:test'
import t from 'tap'
import { QuietTimer } from '../src/quiet-timer.ts'

// Time passes only when a test says so.
mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())
let time = 1000

function pass(milliseconds: number): void {
  for (let passed = 0; passed < milliseconds; passed++) {
    time++
    mock.timers.tick(1)
  }
}

function start(quietMs: number) {
  const calls: number[] = []
  const begin = time
  const timer = new QuietTimer(quietMs, () => calls.push(time - begin), { now: () => time })
  return { timer, calls }
}

t.test('without a touch it calls back once, when its time is over', async (t) => {
  const { calls } = start(30)
  pass(29)
  t.same(calls, [])
  pass(100)
  t.same(calls, [30])
})

t.test('each touch gives it its whole time again', async (t) => {
  const { timer, calls } = start(60)
  for (let count = 0; count < 5; count++) {
    pass(40)
    timer.touch()
  }
  pass(59)
  t.same(calls, [])
  pass(1)
  t.same(calls, [260])
})

t.test('it begins anew with another time, also after it has called back', async (t) => {
  const { timer, calls } = start(5)
  pass(5)
  timer.restart()
  pass(5)
  t.same(calls, [5, 10])
  timer.restart(50)
  timer.touch()
  pass(49)
  t.same(calls, [5, 10])
  pass(1)
  t.same(calls, [5, 10, 60])
})

t.test('stopped it never calls back', async (t) => {
  const { timer, calls } = start(5)
  timer.touch()
  timer.stop()
  pass(100)
  t.same(calls, [])
})
