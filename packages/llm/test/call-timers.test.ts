import { getEventListeners } from 'node:events'
import { mock } from 'node:test'
import t from 'tap'
import { CallTimers } from '../src/call-timers.ts'

// Time passes only when a test says so.
mock.timers.enable({ apis: ['setTimeout'] })
t.teardown(() => mock.timers.reset())

t.test('an abort that has come already ends the attempt at once', async (t) => {
  const timers = new CallTimers({ signal: AbortSignal.abort('gone') }, false)
  t.teardown(() => timers.stop())
  t.equal(timers.signal.aborted, true)
  t.equal(timers.signal.reason, 'gone')
  t.equal(timers.ended, undefined, 'it is the caller who ended it')
})

t.test('nothing within the default time ends the attempt; a whole answer has longer', async (t) => {
  for (const [whole, limitMs] of [
    [false, 60_000],
    [true, 300_000]
  ] as const) {
    const timers = new CallTimers({ signal: new AbortController().signal }, whole)
    mock.timers.tick(limitMs - 1)
    t.equal(timers.signal.aborted, false)
    mock.timers.tick(1)
    t.equal(timers.signal.aborted, true)
    t.match(timers.ended, {
      code: 'LLM_UNAVAILABLE',
      message: `The model provider did not answer within ${limitMs} ms.`
    })
  }
})

t.test('an answer that is whole is given up without an error when its connection stays open', async (t) => {
  const timers = new CallTimers({ signal: new AbortController().signal }, false)
  timers.activity()
  timers.endSoon(100)
  mock.timers.tick(99)
  t.equal(timers.signal.aborted, false)
  mock.timers.tick(1)
  t.equal(timers.signal.aborted, true)
  t.equal(timers.ended, undefined)
})

t.test('stop leaves nothing behind', async (t) => {
  const { signal } = new AbortController()
  const timers = new CallTimers({ signal }, false)
  timers.stop()
  mock.timers.tick(1_000_000)
  t.equal(timers.signal.aborted, false)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})
