import t from 'tap'
import { ExecutionError } from '../../src/adapters/chat-executor.ts'
import { type RuntimeCall, USAGE } from '../helpers/fake-runtime.ts'
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

t.test('each way of failing has its code and its origin', async (t) => {
  const rows: [string, (call: RuntimeCall) => void, string, string][] = [
    ['500', (call) => void call.response.writeHead(500).end('{}'), 'RUNTIME_INTERNAL', 'runtime'],
    [
      '503',
      (call) => void call.response.writeHead(503, { 'retry-after': '1' }).end('{}'),
      'RUNTIME_OVERLOADED',
      'runtime'
    ],
    ['429', (call) => void call.response.writeHead(429).end('{}'), 'RUNTIME_OVERLOADED', 'runtime'],
    ['401', (call) => void call.response.writeHead(401).end('{}'), 'RUNTIME_INTERNAL', 'runtime'],
    ['400', (call) => void call.response.writeHead(400).end('{}'), 'RUNTIME_PROTOCOL', 'runtime'],
    [
      'HTML with 200',
      (call) => void call.response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      'RUNTIME_PROTOCOL',
      'runtime'
    ],
    [
      'garbage',
      (call) => {
        call.begin()
        call.response.end('data: {"type":\n\n')
      },
      'RUNTIME_PROTOCOL',
      'runtime'
    ],
    [
      'an unknown event',
      (call) => {
        call.begin()
        call.response.end('data: {"type":"surprise"}\n\n')
      },
      'RUNTIME_PROTOCOL',
      'runtime'
    ],
    ['text before the start', (call) => call.finish('Hi'), 'RUNTIME_PROTOCOL', 'runtime'],
    [
      'a start that comes twice',
      (call) => {
        call.begin()
        call.begin()
      },
      'RUNTIME_PROTOCOL',
      'runtime'
    ],
    [
      'an event after the end',
      (call) => {
        call.begin()
        call.send({ type: 'execution.cancelled', reason: 'user' }, { type: 'message.started', messageId })
        call.response.end()
      },
      'RUNTIME_PROTOCOL',
      'runtime'
    ],
    [
      'an event of another message',
      (call) => {
        call.begin()
        call.send({ type: 'message.delta', messageId: 'other', delta: 'x' })
      },
      'RUNTIME_PROTOCOL',
      'runtime'
    ],
    [
      'no terminal event',
      (call) => {
        call.begin()
        call.response.end()
      },
      'RUNTIME_UNAVAILABLE',
      'runtime'
    ],
    [
      'a reset',
      (call) => {
        call.begin()
        setImmediate(() => call.response.destroy())
      },
      'RUNTIME_UNAVAILABLE',
      'runtime'
    ],
    [
      'a runtime that goes away',
      (call) => {
        call.begin()
        call.send({ type: 'execution.interrupted', reason: 'draining' })
        call.response.end()
      },
      'RUNTIME_UNAVAILABLE',
      'runtime'
    ],
    [
      'a failure of the model',
      (call) => {
        call.begin()
        call.send({
          type: 'execution.failed',
          error: { code: 'LLM_RATE_LIMITED', message: 'slow down', retryable: true, origin: 'llm' }
        })
        call.response.end()
      },
      'LLM_RATE_LIMITED',
      'llm'
    ],
    [
      'a failure without origin',
      (call) => {
        call.begin()
        call.send({ type: 'execution.failed', error: { code: 'INTERNAL', message: 'oops', retryable: true } })
        call.response.end()
      },
      'RUNTIME_INTERNAL',
      'runtime'
    ],
    [
      'an event of 300 KB',
      (call) => {
        call.begin()
        call.send({ type: 'message.delta', messageId, delta: 'x'.repeat(300 * 1024) })
      },
      'RUNTIME_PROTOCOL',
      'runtime'
    ]
  ]
  for (const [name, behave, code, origin] of rows) {
    const { end } = await run(t, behave)
    const { error } = await end
    t.ok(error instanceof ExecutionError, `${name}: an execution error`)
    t.match(error, { code, origin }, `${name}: ${code}`)
  }
})

t.test('a runtime that is not there is known at once', async (t) => {
  const { end } = await run(t, () => {}, { url: 'http://127.0.0.1:1' })
  t.match((await end).error, { code: 'RUNTIME_UNAVAILABLE', origin: 'runtime' })
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

t.test('a truncated stream is never taken for an answer, wherever it is cut', async (t) => {
  const whole = await new Promise<string>((resolve) => {
    void run(t, (call) => {
      let text = ''
      const write = call.response.write.bind(call.response)
      call.response.write = ((chunk: string) => {
        text += chunk
        return write(chunk)
      }) as typeof write
      call.begin()
      call.finish('Hello, 世界')
      resolve(text)
    }).then(({ end }) => end)
  })
  const bytes = Buffer.from(whole)
  for (let cut = 0; cut < bytes.length - 2; cut += 7) {
    const { end } = await run(t, (call) => {
      call.response.writeHead(200, { 'content-type': 'text/event-stream' }).end(bytes.subarray(0, cut))
    })
    const { error } = await end
    if (!(error instanceof ExecutionError)) t.fail(`cut after ${cut} bytes was taken for an answer`)
  }
  t.ok(bytes.length > 500, 'there was something to cut')
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
