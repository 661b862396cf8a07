import { mock } from 'node:test'
import t from 'tap'
import { watchRuntimeCall } from '../../src/adapters/runtime-timers.ts'

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

/** A watch on a clock of its own, so that a late timer can be played. */
function start(remainingMs = 60_000, isHeld = () => false, answerMs?: number) {
  let now = 0
  const expired: string[] = []
  const timeouts = { acceptMs: 1000, stallMs: 1800, ...(answerMs === undefined ? {} : { answerMs }) }
  const watch = watchRuntimeCall(timeouts, remainingMs, (timer) => expired.push(timer), { isHeld, clock: () => now })
  const pass = (milliseconds: number) => {
    now += milliseconds
    mock.timers.tick(milliseconds)
  }
  return { watch, expired, pass, jump: (milliseconds: number) => (now += milliseconds) }
}

t.test('a runtime that does not accept in time is given up', async (t) => {
  const { expired, pass, watch } = start()
  pass(900)
  watch.activity()
  t.same(expired, [])
  pass(100)
  t.same(expired, ['accept'], 'bytes alone are no acceptance')
})

t.test('where the acceptance may take long, the head of the answer may not', async (t) => {
  const silent = start(60_000, undefined, 300)
  silent.pass(300)
  t.same(silent.expired, ['answer'])

  const { expired, pass, watch } = start(60_000, undefined, 300)
  pass(200)
  watch.answered()
  pass(700)
  t.same(expired, [], 'the time of the acceptance counts from the request')
  pass(100)
  t.same(expired, ['accept'])
})

t.test('each byte after the acceptance gives the runtime its time anew', async (t) => {
  const { expired, pass, watch } = start()
  pass(500)
  watch.accepted()
  for (let index = 0; index < 10; index++) {
    pass(1700)
    watch.activity()
  }
  t.same(expired, [])
  pass(1799)
  t.same(expired, [])
  pass(1)
  t.same(expired, ['stall'])
})

t.test('after the terminal event no sign of life and no slow reader holds the call for long', async (t) => {
  const { expired, pass, watch } = start(60_000, () => true)
  watch.accepted()
  pass(1500)
  watch.ended()
  for (let index = 0; index < 9; index++) {
    pass(100)
    watch.activity()
  }
  t.same(expired, [])
  pass(100)
  t.same(expired, ['end'])
})

t.test('the deadline holds however lively the runtime is', async (t) => {
  const { expired, pass, watch } = start(5000)
  watch.accepted()
  for (let index = 0; index < 5; index++) {
    pass(1000)
    watch.activity()
  }
  t.same(expired, ['deadline'])
})

t.test('a call that was left is never called expired', async (t) => {
  const { expired, pass, watch } = start(5000)
  watch.stop()
  pass(10_000)
  t.same(expired, [])
})

t.test('when this process was busy, what waits in the socket is read before the runtime is blamed', async (t) => {
  const { expired, pass, watch, jump } = start()
  watch.accepted()
  jump(3000)
  pass(1800)
  t.same(expired, [], 'the timer came three seconds late')
  watch.activity()
  pass(100)
  t.same(expired, [], 'the bytes had been there')
  pass(1700)
  t.same(expired, ['stall'], 'and then there were none')
})

t.test('a busy process blames the runtime too when nothing waits in the socket', async (t) => {
  const { expired, pass, watch, jump } = start()
  watch.accepted()
  jump(3000)
  pass(1800)
  pass(20)
  t.same(expired, ['stall'])
})

t.test("while our own reader holds the stream back, silence is not the runtime's", async (t) => {
  let held = true
  const { expired, pass, watch } = start(60_000, () => held)
  watch.accepted()
  for (let index = 0; index < 10; index++) pass(1800)
  t.same(expired, [])
  held = false
  pass(1800)
  pass(1800)
  t.same(expired, ['stall'], 'from then on it is')
})
