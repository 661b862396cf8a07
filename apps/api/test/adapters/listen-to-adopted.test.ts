import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ChatEventBody, SSE_HEADERS, sseEvent } from '@semibot/chat-protocol'
import { waitFor } from '@semibot/stack/test'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { listenToAdopted } from '../../src/adapters/listen-to-adopted.ts'
import { worker } from '../helpers/run-adapter.ts'

const STALL_MS = 300
const delta = (text: string): ChatEventBody => ({ type: 'message.delta', messageId: worker.messageId, delta: text })
const send = (response: ServerResponse, body: ChatEventBody, seq: number) =>
  response.write(sseEvent(body.type, JSON.stringify({ ...body, seq, ts: 1 }), seq))

/** An instance that has the run, as it says; `events` answers whoever wants to hear it. */
async function listenTo(t: Test, events: (response: ServerResponse) => void, status = 'running') {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('/').at(-1)}`)
    if (request.url?.includes('/events') === true) events(response)
    else if (request.method === 'POST') {
      response.writeHead(200, SSE_HEADERS)
      const { executionId, sessionId, messageId } = worker
      const ids = { executionId, sessionId, messageId, mode: 'runtime_orchestrator', attempt: 1, model: 'm' } as const
      send(response, { type: 'execution.started', ...ids, resumed: { text: 'One two ' } }, 1)
      send(response, delta('three'), 2)
      response.end()
    } else {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ success: true, data: { status } }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent({ connections: null })
  const abort = new AbortController()
  t.teardown(async () => {
    abort.abort()
    await dispatcher.destroy()
    server.closeAllConnections()
    server.close()
  })
  const heard: string[] = []
  const flow = { congested: false, onDrained: () => {} }
  const emit = (event: ChatEventBody) => void heard.push(event.type === 'message.delta' ? event.delta : event.type)
  const rewind = (text: string) => {
    heard.push(`back to "${text}"`)
    return true
  }
  const listened = listenToAdopted(
    {
      dispatcher,
      serviceToken: 'service-token',
      timeouts: { acceptMs: STALL_MS, stallMs: STALL_MS },
      instances: () => [`http://127.0.0.1:${(server.address() as AddressInfo).port}`]
    },
    worker,
    { signal: abort.signal, remainingMs: 60_000, reader: { emit, accepted: () => {}, rewind, flow } },
    {
      after: 3,
      hear: (event, seq) => {
        if (seq < 4) return false
        emit(event)
        return true
      }
    }
  )
  listened.catch(() => {})
  return { listened, heard, asked, flow, abort }
}

const open = (response: ServerResponse) => response.writeHead(200, SSE_HEADERS)

t.test('what is told is heard until it ends, whose end is found in the journal', async (t) => {
  const { listened, heard, asked } = await listenTo(t, (response) => {
    open(response)
    send(response, delta('four'), 4)
    send(response, { type: 'execution.interrupted', reason: 'shutdown' } as ChatEventBody, 5)
    send(response, delta('six'), 6)
    response.end()
  })
  await listened
  t.strictSame(heard, ['four'])
  t.strictSame(asked, [`GET ${worker.executionId}`, 'GET events?after=3'])
})

t.test('whoever keeps those events no longer, or counts otherwise, tells from where the run stands', async (t) => {
  const gone = (response: ServerResponse) => void response.writeHead(410).end('{}')
  const other = (response: ServerResponse) => void send(open(response), delta('two'), 2)
  for (const events of [gone, other]) {
    const { listened, heard, asked } = await listenTo(t, events)
    await t.rejects(listened, { code: 'RUNTIME_UNAVAILABLE' }, 'and it told no end')
    t.strictSame(heard, ['back to "One two "', 'three'])
    t.equal(asked.at(-1), 'POST stream')
  }
})

t.test('an instance that does not run it is not listened to', async (t) => {
  const { listened, asked } = await listenTo(t, open, 'completed')
  await listened
  t.strictSame(asked, [`GET ${worker.executionId}`])
})

t.test('an instance that falls silent is left, unless its reader is slow', async (t) => {
  const silent = await listenTo(t, (response) => void open(response).write(': heartbeat\n\n'))
  const since = performance.now()
  await t.rejects(silent.listened, { kind: 'aborted', cause: { code: 'RUNTIME_STALLED' } })
  t.ok(performance.now() - since >= STALL_MS - 5)

  const unanswered = await listenTo(t, () => {})
  await t.rejects(
    unanswered.listened,
    { kind: 'aborted', cause: { code: 'RUNTIME_UNAVAILABLE' } },
    'and so is one that never answers'
  )

  let beats = 0
  const alive = await listenTo(t, (response) => {
    open(response)
    const timer = setInterval(() => {
      beats++
      response.write(': heartbeat\n\n')
    }, 50)
    response.once('close', () => clearInterval(timer))
  })
  await waitFor(() => beats > 12, { what: 'more than the time of a silence' })
  t.equal(await Promise.race([alive.listened, 'heard']), 'heard')

  const held = await listenTo(t, (response) => void send(open(response), delta('four'), 4))
  held.flow.congested = true
  await new Promise((resolve) => setTimeout(resolve, 3 * STALL_MS))
  t.equal(await Promise.race([held.listened, 'heard']), 'heard')
})
