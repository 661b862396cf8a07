import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { QuietTimer } from '../src/quiet-timer.ts'

/** When it called back, milliseconds after it was made. */
function started(quietMs: number) {
  const begin = performance.now()
  const quiet = Promise.withResolvers<number>()
  const timer = new QuietTimer(quietMs, () => quiet.resolve(performance.now() - begin))
  return { timer, quietAfter: quiet.promise }
}

t.test('without a touch it calls back when its time is over', async (t) => {
  const { quietAfter } = started(30)
  t.ok((await quietAfter) >= 29)
})

t.test('each touch gives it its whole time again', async (t) => {
  const { timer, quietAfter } = started(60)
  const touched = performance.now()
  let last = 0
  for (let count = 0; count < 5; count++) {
    await delay(20)
    timer.touch()
    last = performance.now() - touched
  }
  t.ok(last > 60, 'it was touched beyond its first time')
  t.ok((await quietAfter) >= last + 59)
})

t.test('it begins anew with another time, also after it has called back', async (t) => {
  let calls = 0
  const timer = new QuietTimer(5, () => calls++)
  await delay(30)
  t.equal(calls, 1)
  timer.restart()
  await delay(30)
  t.equal(calls, 2)
  timer.restart(60_000)
  timer.touch()
  await delay(30)
  t.equal(calls, 2)
  timer.stop()
})

t.test('stopped it never calls back', async (t) => {
  const timer = new QuietTimer(5, () => t.fail('it was stopped'), { unref: true })
  timer.touch()
  timer.stop()
  await delay(20)
  t.pass()
})
