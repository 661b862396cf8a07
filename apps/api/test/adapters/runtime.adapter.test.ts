import t from 'tap'
import { USAGE } from '../helpers/fake-runtime.ts'
import { execution, run, worker } from '../helpers/run-adapter.ts'

const { messageId } = execution

t.test('passes the events of the answer on and gives the outcome', async (t) => {
  const { end, events, accepted, runtime } = await run(t, (call) => {
    call.begin()
    call.finish('Hi')
  })
  t.same((await end).outcome, { finishReason: 'stop', usage: USAGE })
  t.equal(accepted(), 1)
  t.same(
    events.map((event) => event.type),
    ['message.started', 'message.delta', 'message.completed']
  )
  const [call] = runtime.calls
  t.match(call?.headers, {
    authorization: 'Bearer service-token',
    'x-request-timeout-ms': /^4[12]\d\d$/,
    'x-attempt': '1',
    'x-request-id': 'request-1',
    'x-org-id': execution.orgId,
    traceparent: execution.traceparent
  })
  t.match(call?.body, { message: 'Hello', history: [{ role: 'user', content: 'before' }], agent: { slug: 'default' } })
})

t.test('a runtime that does not accept, or falls silent, is given up and its call is closed', async (t) => {
  const silent = await run(t, () => {}, { timeouts: { acceptMs: 50, stallMs: 5000 } })
  t.match((await silent.end).error, { code: 'RUNTIME_UNAVAILABLE', message: /did not accept/ })
  await silent.runtime.calls[0]?.closed

  const stalled = await run(t, (call) => call.begin(), { timeouts: { acceptMs: 5000, stallMs: 50 } })
  t.match((await stalled.end).error, { code: 'RUNTIME_STALLED', origin: 'runtime' })
  await stalled.runtime.calls[0]?.closed
  t.pass('the runtime saw both calls end')
})

t.test('a runtime that sends single bytes now and then is as silent as one that sends none', async (t) => {
  const dripping = await run(
    t,
    (call) => {
      call.begin()
      const drip = setInterval(() => call.response.write(':'), 20)
      void call.closed.then(() => clearInterval(drip))
    },
    { timeouts: { acceptMs: 5000, stallMs: 300 } }
  )
  t.match((await dripping.end).error, { code: 'RUNTIME_STALLED', origin: 'runtime' })
  await dripping.runtime.calls[0]?.closed
})

t.test('heartbeats and pieces of a large event are signs of life', async (t) => {
  for (const sign of [': heartbeat\n\n', 'x'.repeat(600)]) {
    const { end } = await run(
      t,
      (call) => {
        call.begin()
        if (!sign.startsWith(':')) call.response.write('data: ')
        let signs = 0
        const beat = setInterval(() => {
          call.response.write(sign)
          if (++signs < 12) return
          clearInterval(beat)
          call.response.destroy()
        }, 50)
      },
      { timeouts: { acceptMs: 5000, stallMs: 300 } }
    )
    t.match((await end).error, { code: 'RUNTIME_UNAVAILABLE' }, 'not given up in 600 ms, until the connection ends')
  }
})

t.test('a connection that breaks after the last event takes nothing away from the answer', async (t) => {
  const { end } = await run(t, (call) => {
    const { response } = call
    response.end = ((): typeof response => {
      response.write('', () => response.socket?.destroySoon())
      return response
    }) as typeof response.end
    call.begin()
    call.finish('Hi')
  })
  t.match((await end).outcome, { finishReason: 'stop' })
})

t.test('a cancelled chat closes the call and gives the reason back', async (t) => {
  const abort = new AbortController()
  const { end, runtime } = await run(
    t,
    (call) => {
      call.begin()
      setImmediate(() => abort.abort(new Error('cancelled by the test')))
    },
    { signal: abort.signal }
  )
  t.match((await end).error, { message: 'cancelled by the test' })
  await runtime.calls[0]?.closed
  t.pass('the runtime saw its call end')
})

t.test('a run goes on although the first call for it went to the process that had died', async (t) => {
  let resumes = 0
  const { end, events, runtime } = await run(
    t,
    (call) => {
      if (call.headers['x-semibot-resume'] === '1') {
        // What a launcher has handed to a worker that dies is closed by nobody.
        if (++resumes === 1) return
        call.begin()
        call.finish('Hello')
        return
      }
      call.begin()
      setImmediate(() => call.response.destroy())
    },
    { execution: worker, timeouts: { acceptMs: 200, stallMs: 5000 } }
  )
  t.match((await end).outcome, { finishReason: 'stop' })
  t.match(events.at(-1), { type: 'message.completed', content: 'Hello' })
  t.equal(runtime.calls.length, 3)
})

t.test('a run goes on although the process that was to take it over goes away before it has it', async (t) => {
  let resumes = 0
  const { end, events } = await run(
    t,
    (call) => {
      if (call.headers['x-semibot-resume'] === '1' && ++resumes === 1) {
        call.send({ type: 'execution.interrupted', reason: 'shutdown' })
        call.response.end()
        return
      }
      call.begin()
      if (resumes > 0) call.finish('Hello')
      else setImmediate(() => call.response.destroy())
    },
    { execution: worker }
  )
  t.match((await end).outcome, { finishReason: 'stop' })
  t.match(events.at(-1), { type: 'message.completed', content: 'Hello' })
  t.equal(resumes, 2)
})

t.test('a run that was lost is never begun anew, even when no instance has room for it', async (t) => {
  const { end, events, runtime } = await run(
    t,
    (call) => {
      if (call.headers['x-semibot-resume'] === '1') return void call.response.writeHead(503).end('{}')
      call.begin()
      call.send({ type: 'message.started', messageId }, { type: 'message.delta', messageId, delta: 'Hel' })
      setImmediate(() => call.response.destroy())
    },
    { execution: worker }
  )
  t.match((await end).error, { code: 'RUNTIME_UNAVAILABLE' }, 'the loss is told, not the lack of room')
  t.equal(runtime.calls.filter(({ headers }) => headers['x-semibot-resume'] === undefined).length, 1)
  t.same(
    events.filter(({ type }) => type === 'message.delta'),
    [{ type: 'message.delta', messageId, delta: 'Hel' }]
  )
})
