import t from 'tap'
import { throughOutages } from '../../src/engine/retry.ts'

const AWAY = new Error('away')
const isOutage = (error: unknown) => error === AWAY
const forever = new AbortController().signal

t.test('a call is repeated while the database is away', async (t) => {
  let calls = 0
  const call = async () => {
    if (++calls < 3) throw AWAY
    return 'done'
  }
  t.equal(await throughOutages(call, { isOutage, signal: forever }), 'done')
  t.equal(calls, 3)
})

t.test('any other failure is told at once, and an outage when the time is over', async (t) => {
  let calls = 0
  const fail = (error: Error) => async () => {
    calls++
    throw error
  }
  await t.rejects(throughOutages(fail(new Error('wrong')), { isOutage, signal: forever }), { message: 'wrong' })
  t.equal(calls, 1)
  await t.rejects(throughOutages(fail(AWAY), { isOutage, signal: forever, limitMs: 0 }), AWAY)
  t.equal(calls, 2)
})

t.test('who is called off does not wait, neither for the call nor for the next one', async (t) => {
  const reason = new Error('called off')
  const hanging = new AbortController()
  const call = throughOutages(() => new Promise(() => undefined), { isOutage, signal: hanging.signal })
  hanging.abort(reason)
  await t.rejects(call, reason)
  const waiting = new AbortController()
  const next = throughOutages(() => Promise.reject(AWAY), { isOutage, signal: waiting.signal })
  setImmediate(() => waiting.abort(reason))
  await t.rejects(next, reason)
})
