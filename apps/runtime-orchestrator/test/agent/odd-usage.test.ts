import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ChatEvent } from '@semibot/chat-protocol'
import t from 'tap'
import { makeRequest, makeToolRequest, post, run } from '../helpers/execute.ts'
import { startApp } from '../helpers/start-app.ts'

/** What the model says that it has counted. */
let usage: unknown
const model = createServer((_request, response) => {
  const send = (chunk: object) => response.write(`data: ${JSON.stringify({ id: 'x', model: 'm', ...chunk })}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  send({ choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: null }] })
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  send({ choices: [], usage })
  response.end('data: [DONE]\n\n')
})
await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve))
t.teardown(() => model.close())
const { origin } = await startApp(t, {
  LLM_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`
})

const ends = (events: readonly ChatEvent[]) => events.find(({ type }) => type === 'execution.completed')

for (const odd of [
  { prompt_tokens: -100_000, completion_tokens: -3, total_tokens: -100_003 },
  { prompt_tokens: 1.5, completion_tokens: 3, total_tokens: 4.5 },
  { prompt_tokens: null, completion_tokens: null }
]) {
  t.test(`counts that make no sense are no counts, with tools and without: ${JSON.stringify(odd)}`, async (t) => {
    usage = odd
    for (const request of [makeToolRequest('Hi'), makeRequest('Hi')]) {
      const end = ends(await run(origin, request))
      const { inputTokens, outputTokens, totalTokens } = end?.type === 'execution.completed' ? end.usage : ({} as never)
      t.ok(Number.isSafeInteger(inputTokens) && inputTokens > 0, `input ${inputTokens}`)
      t.ok(Number.isSafeInteger(outputTokens) && outputTokens > 0, `output ${outputTokens}`)
      t.equal(totalTokens, inputTokens + outputTokens)
    }
    const whole = await post(origin, makeToolRequest('Hi'), { path: '/api/v1/execute' })
    t.equal(whole.status, 200)
  })
}

t.test('counts that make sense are passed on', async (t) => {
  usage = { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 }
  t.match(ends(await run(origin, makeToolRequest('Hi'))), {
    usage: { inputTokens: 10, outputTokens: 3, totalTokens: 13 }
  })
})
