import t from 'tap'
import { ExecutionError } from '../../src/adapters/chat-executor.ts'
import type { RuntimeCall } from '../helpers/fake-runtime.ts'
import { execution, run } from '../helpers/run-adapter.ts'

const { messageId } = execution

/** What the runtime does, and what becomes of the chat. */
const FAILURES: [name: string, behave: (call: RuntimeCall) => void, code: string, origin: string][] = [
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

for (const [name, behave, code, origin] of FAILURES) {
  t.test(`${name} fails as ${code} of ${origin}`, async (t) => {
    const { end } = await run(t, behave)
    const { error } = await end
    t.ok(error instanceof ExecutionError, 'an execution error')
    t.match(error, { code, origin })
  })
}

t.test('a runtime that is not there is known at once', async (t) => {
  const { end } = await run(t, () => {}, { url: 'http://127.0.0.1:1' })
  t.match((await end).error, { code: 'RUNTIME_UNAVAILABLE', origin: 'runtime' })
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
