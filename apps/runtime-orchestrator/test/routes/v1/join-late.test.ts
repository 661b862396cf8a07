import type { ChatEvent, ExecuteRequest } from '@semibot/chat-protocol'
import { startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { lastOf, makeToolRequest, post, readStream } from '../../helpers/execute.ts'
import { AUTHORIZED, startApp } from '../../helpers/start-app.ts'

const simulator = await startSimulator(t)
const { origin } = await startApp(t, { LLM_BASE_URL: simulator.baseUrl })

const RESUME = { headers: { 'x-semibot-resume': '1' } }

async function lastSeq({ executionId }: ExecuteRequest): Promise<number> {
  const response = await fetch(`${origin}/api/v1/executions/${executionId}`, { headers: AUTHORIZED })
  return ((await response.json()) as { data: { lastSeq: number } }).data.lastSeq
}

function deltasOf(events: readonly ChatEvent[]): string {
  return events.flatMap((event) => (event.type === 'message.delta' ? [event.delta] : [])).join('')
}

t.test('whoever resumes a running execution is told its text, and does not hear it again piece by piece', async (t) => {
  const request = makeToolRequest('What is 2*3? [[sim:length=300 gap=10]]')
  const first = readStream(await post(origin, request)).all()
  await waitFor(async () => (await lastSeq(request)) > 60, { timeoutMs: 30_000, what: 'some of the text' })
  const [started, ...rest] = await readStream(await post(origin, request, RESUME)).all()
  const text = started?.type === 'execution.started' ? (started.resumed?.text ?? '') : ''
  t.ok(text.length > 20, text)
  t.equal(text + deltasOf(rest), deltasOf(await first))
})

t.test('whoever resumes while the model reasons does not hear again what it has reasoned', async (t) => {
  const request = makeToolRequest('What is 2*3? [[sim:reasoning stall=3]]')
  const first = readStream(await post(origin, request))
  await first.until('reasoning.delta')
  const second = readStream(await post(origin, request, RESUME))
  t.match(await second.until('execution.started'), { resumed: { text: '' } })
  await post(origin, '', { path: `/api/v1/executions/${request.executionId}/cancel` })
  const counts = [first, second].map(async (reader) =>
    (await reader.all()).filter(({ type }) => type === 'reasoning.delta')
  )
  const [heard, again] = await Promise.all(counts)
  t.ok(again!.length < heard!.length, `${again!.length} of ${heard!.length}`)
})

t.test('an execution that has lost its first events can be resumed while it runs', async (t) => {
  const request = makeToolRequest('What is 2*3? [[sim:length=4000 gap=1]]')
  const first = readStream(await post(origin, request)).all()
  await waitFor(async () => (await lastSeq(request)) > 2_100, { timeoutMs: 30_000, what: 'more events than are kept' })

  const refused = await post(origin, request)
  t.equal(refused.status, 410, 'whoever does not resume would take the rest for the whole')
  t.match(await refused.json(), { error: { code: 'EVENTS_EXPIRED' } })

  const readers: Promise<ChatEvent[]>[] = []
  for (let count = 0; count < 5; count++) readers.push(readStream(await post(origin, request, RESUME)).all())
  const joined = await Promise.all(readers)
  const all = await first
  t.match(lastOf(all, 'execution.completed'), { finishReason: 'stop' })
  for (const [started, ...rest] of joined) {
    const text = started?.type === 'execution.started' ? started.resumed?.text : undefined
    t.ok(text, 'it begins with the text so far')
    t.equal(text + deltasOf(rest), deltasOf(all), 'to which the rest adds up')
    const next = rest.findIndex(({ type }) => type === 'message.delta')
    t.strictSame(rest.slice(next), all.slice(rest[next]!.seq - 1), 'nothing that is new is left out')
    const before = rest.slice(0, next)
    t.ok(before.some(({ type }) => type === 'tool.finished'))
    for (const event of before) t.strictSame(event, { ...all[event.seq - 1]!, ts: event.ts }, event.type)
    const tools = (events: readonly ChatEvent[]) => events.filter(({ type }) => type.startsWith('tool.')).length
    t.equal(tools(rest), tools(all), 'every tool call is told, and once')
  }
})
