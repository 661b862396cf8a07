import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { eventsOf, wholeAnswer } from '../src/figures/fallback/fake-runtime.ts'
import type { LoadMessage } from '../src/figures/load/chat-load.ts'
import { runChat } from '../src/figures/load/chat-stream.ts'
import { dueChats } from '../src/figures/load/run-load.ts'
import { summarizeLoad, touchedBy, whereaboutsAt } from '../src/figures/load/summary.ts'

const message: LoadMessage = { content: 'Hi', answer: 'one two', varies: false }
const agent = { id: 'a', slug: 'default', systemPrompt: '', model: 'simulator', tools: [] }
const ids = { executionId: 'e', orgId: 'o', sessionId: 's', userId: null, messageId: 'm' }
const request = { ...ids, message: 'Hi', history: [], agent }
const frames = eventsOf(request, message.answer).map(
  (event, index) => `id: ${index + 1}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
)

/** Sends in chunks, as a stream does. */
function send(response: ServerResponse, parts: string[]): void {
  for (const part of parts) response.write(part)
  response.end()
}

/** Runs one chat against a server that answers as given. */
async function chat(t: Test, answer: (response: ServerResponse) => void) {
  const server = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const api = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return await runChat({ api, apiKey: 'k', message, timeoutMs: 2000, idle: [] })
}

t.test('a whole answer is taken as one, however the bytes are cut', async (t) => {
  const whole = await chat(t, (response) => send(response, frames))
  t.match(whole, { problem: '', mode: 'runtime_orchestrator', fellBack: false, writers: 0 })
  const bytes = wholeAnswer(request, message.answer)
  const inPieces = await chat(t, async ({ socket }) => {
    for (let at = 0; at < bytes.length; at += 7) {
      await new Promise((resolve) => socket?.write(bytes.subarray(at, at + 7), resolve))
    }
  })
  t.match(inPieces, { problem: '', mode: 'runtime_orchestrator' })
})

t.test('text that is taken back does not count', async (t) => {
  const fallback = `data: ${JSON.stringify({ type: 'execution.fallback', discardedMessageIds: ['m'] })}\n\n`
  const wrong = `data: ${JSON.stringify({ type: 'message.delta', delta: 'zero' })}\n\n`
  const right = await chat(t, (response) =>
    send(response, [...frames.slice(0, 2), wrong, fallback, ...frames.slice(2)])
  )
  t.match(right, { problem: '', fellBack: true, retracted: true })
  const mixed = await chat(t, (response) => send(response, [...frames.slice(0, 2), wrong, ...frames.slice(2)]))
  t.match(mixed.problem, /whole text at the end is not the one/)
})

t.test('every other end is a problem', async (t) => {
  const ends: [string, (response: ServerResponse) => void, RegExp][] = [
    ['an error', (response) => void response.writeHead(503).end('{}'), /answered HTTP\/1.1 503/],
    ['a cut', (response) => void response.write(frames[0] ?? '', () => response.destroy()), /connection|closed/],
    ['no terminal event', (response) => send(response, frames.slice(0, 4)), /no end within 2000 ms/],
    ['a failure', (response) => send(response, ['data: {"type":"execution.failed","error":{"code":"X"}}\n\n']), /"X"/]
  ]
  for (const [name, answer, problem] of ends) t.match((await chat(t, answer)).problem, problem, name)
})

t.test('the rate grows during the ramp and stays then', (t) => {
  const load = { rate: 100, rampMs: 1000 }
  t.same(
    [0, 500, 1000, 2000].map((elapsedMs) => dueChats(elapsedMs, load)),
    [1, 13, 51, 151]
  )
  t.equal(dueChats(1000, { rate: 100, rampMs: 0 }), 101)
  t.end()
})

t.test('a fault touches who was under way and who came soon after', (t) => {
  const record = (
    sentAt: number,
    endedAt: number,
    mode: 'runtime_orchestrator' | 'direct_llm' = 'runtime_orchestrator'
  ) => ({
    ...{ sentAt, endedAt, mode, startedAt: sentAt + 1, fellBack: false, retracted: false, writers: 0, problem: '' },
    ...{ pauseMs: endedAt - sentAt, pausedAt: sentAt }
  })
  const records = [record(0, 10), record(5, 30), record(15, 40, 'direct_llm'), record(25, 60), record(99, 120)]
  t.same(whereaboutsAt(records, 20), { inRuntime: 1, inDirect: 1, arriving: 0 })
  t.same(whereaboutsAt(records, 25.5), { inRuntime: 1, inDirect: 1, arriving: 1 })
  t.equal(touchedBy(records, 20, 10).length, 3)
  t.match(summarizeLoad(records), { chats: 5, failed: 0, pauseMaxMs: 35 })
  t.match(summarizeLoad([{ ...record(0, 1), problem: 'lost' }]), { failed: 1, problem: 'lost' })
  t.end()
})
