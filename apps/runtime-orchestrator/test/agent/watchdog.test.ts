import { once } from 'node:events'
import t from 'tap'
import { createWatchdog } from '../../src/agent/watchdog.ts'

const PATIENT = { firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 }

t.test('a model that sends nothing is given up', async (t) => {
  const never = new AbortController()
  const silent = createWatchdog(never.signal, { ...PATIENT, firstByteTimeoutMs: 20 })
  await once(silent.signal, 'abort')
  t.match(silent.signal.reason, { code: 'LLM_UNAVAILABLE', message: 'The model sent nothing for 20 ms.' })

  const stalled = createWatchdog(never.signal, { ...PATIENT, idleTimeoutMs: 30 })
  stalled.touch()
  stalled.touch()
  await once(stalled.signal, 'abort')
  t.match(stalled.signal.reason, { code: 'LLM_UNAVAILABLE', message: 'The model sent nothing for 30 ms.' })
})

t.test('while the reader is slow, the model is not blamed', async (t) => {
  const quick = { firstByteTimeoutMs: 20, idleTimeoutMs: 20 }
  const paused = createWatchdog(new AbortController().signal, quick)
  paused.touch()
  paused.pause()
  const other = createWatchdog(new AbortController().signal, { ...quick, firstByteTimeoutMs: 60 })
  await once(other.signal, 'abort')
  t.equal(paused.signal.aborted, false, 'long after its time')
  paused.touch()
  await once(paused.signal, 'abort')
  t.match(paused.signal.reason, { code: 'LLM_UNAVAILABLE' }, 'but again after the next touch')
})

t.test('a stop from outside comes through with its reason', async (t) => {
  const outer = new AbortController()
  const watchdog = createWatchdog(outer.signal, PATIENT)
  const reason = new Error('stopped')
  outer.abort(reason)
  t.equal(watchdog.signal.reason, reason)
  watchdog.stop()
})
