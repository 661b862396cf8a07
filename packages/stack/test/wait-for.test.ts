import t from 'tap'
import { waitFor } from '../src/wait-for.ts'

t.test('resolves with the first truthy value', async (t) => {
  let looks = 0
  t.equal(
    await waitFor(() => (++looks < 3 ? undefined : `after ${looks}`), { what: 'three looks', intervalMs: 1 }),
    'after 3'
  )
})

t.test('says what was waited for, and the last error of the condition', async (t) => {
  const failing = waitFor(() => Promise.reject(new Error('connection refused')), {
    what: 'the api',
    timeoutMs: 20,
    intervalMs: 5
  })
  await t.rejects(failing, { message: 'waited 20 ms for the api', cause: { message: 'connection refused' } })
})

t.test('ends at once with the reason of its signal', async (t) => {
  const stop = new AbortController()
  stop.abort(new Error('enough'))
  await t.rejects(
    waitFor(() => false, { what: 'nothing', signal: stop.signal }),
    { message: 'enough' }
  )
})
