import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { ChatEvent } from '@semibot/chat-protocol'
import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { makeRequest, makeToolRequest } from '../../helpers/execute.ts'
import { AUTHORIZED, startApp } from '../../helpers/start-app.ts'

const simulator = await startSimulator(t)
const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

/** Sends the request and reads nothing of the answer's body. */
async function open(body: object): Promise<IncomingMessage> {
  const headers = { ...AUTHORIZED, 'content-type': 'application/json' }
  const request = httpRequest(`${origin}/api/v1/execute/stream`, { method: 'POST', headers })
  request.end(JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

async function lastSeq(id: string): Promise<number> {
  const response = await fetch(`${origin}/api/v1/executions/${id}`, { headers: AUTHORIZED })
  return ((await response.json()) as { data: { lastSeq: number } }).data.lastSeq
}

/** Waits until the execution makes no more events: it has ended, or waits for its reader. */
async function untilStill(id: string): Promise<void> {
  let before = 0
  await waitFor(
    async () => {
      const now = await lastSeq(id)
      const still = now > 100 && now === before
      before = now
      return still
    },
    { timeoutMs: 60_000, intervalMs: 250, what: 'the execution to wait for its reader' }
  )
}

async function read(response: IncomingMessage): Promise<ChatEvent[]> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, json]) => JSON.parse(json!) as ChatEvent)
}

for (const [name, make, length, finishReason] of [
  // 7 MB: more than the log keeps, and more than waits in the process for a slow reader.
  ['without tools', makeRequest, 100_000, 'length'],
  ['with tools', makeToolRequest, 4_000, 'stop']
] as const) {
  t.test(`a reader who begins late misses nothing of an agent ${name}`, async (t) => {
    const request = make(`Tell me [[sim:length=${length} gap=0]]`)
    const response = await open(request)
    await untilStill(request.executionId)

    const events = await read(response)
    t.ok(events.length > Math.min(length, 30_000), `${events.length} events`)
    t.equal(
      events.findIndex(({ seq }, index) => seq !== index + 1),
      -1,
      'no gap'
    )
    const deltas = events.flatMap((event) => (event.type === 'message.delta' ? [event.delta] : []))
    const completed = events.find((event) => event.type === 'message.completed')
    t.equal((completed as { content: string }).content, deltas.join(''), 'the deltas are the whole text')
    t.match(events.at(-1), { type: 'execution.completed', finishReason })
    await waitFor(async () => (await simulator.stats()).open === 0, { what: 'the model to be let go' })
  })
}
