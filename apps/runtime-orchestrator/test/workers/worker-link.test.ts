import t from 'tap'
import type { FromLauncher, FromWorker } from '../../src/workers/messages.ts'
import { createWorkerLink, workerPlaces } from '../../src/workers/worker-link.ts'

/** A link whose other end is the test; questions are answered by hand. */
function connect() {
  const sent: FromWorker[] = []
  let receive: (message: FromLauncher) => void = () => {}
  const link = createWorkerLink({
    send: (message) => void sent.push(message),
    receive: (listener) => {
      receive = listener
    }
  })
  return { link, sent, say: (message: FromLauncher) => receive(message) }
}

t.test('answers find their questions, in any order', async (t) => {
  const { link, sent, say } = connect()
  const first = link.ask('find', { executionId: 'a' })
  const second = link.ask('find', { executionId: 'b' })
  t.match(sent, [
    { kind: 'question', id: 1, name: 'find', ask: { executionId: 'a' } },
    { kind: 'question', id: 2, name: 'find' }
  ])
  say({ kind: 'answer', id: 2, answer: 4002 })
  say({ kind: 'answer', id: 1, answer: null })
  say({ kind: 'answer', id: 1, answer: 4009 })
  t.same(await Promise.all([first, second]), [null, 4002])
})

t.test('a launcher that says nothing costs a 503, and a place that it grants too late is given back', async (t) => {
  const { link, sent, say } = connect()
  const claim = workerPlaces(link, 5).claim('x', 'org')
  await t.rejects(claim as Promise<unknown>, {
    code: 'RUNTIME_OVERLOADED',
    statusCode: 503,
    message: 'The launcher of this runtime did not answer "claim" within 800 ms.',
    headers: { 'retry-after': '1' }
  })
  say({ kind: 'answer', id: 1, answer: { kind: 'granted' } })
  t.same(sent.at(-1), { kind: 'release', orgId: 'org' })
})

t.test('a place that is refused too late is none', async (t) => {
  const { link, sent, say } = connect()
  const claim = workerPlaces(link, 5).claim('x', 'org')
  await t.rejects(claim as Promise<unknown>)
  say({ kind: 'answer', id: 1, answer: { kind: 'refused', reason: 'full' } })
  t.equal(sent.length, 1)
})

t.test('an order to stop that comes before anybody can follow it is not lost', async (t) => {
  const { link, say } = connect()
  say({ kind: 'stop' })
  let stopped = 0
  link.onStop(() => stopped++)
  t.equal(stopped, 1)
  say({ kind: 'stop' })
  t.equal(stopped, 2)
})
