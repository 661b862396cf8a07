import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAgent } from '@semibot/db'
import t, { type Test } from 'tap'
import { startPair } from '../helpers/start-pair.ts'

interface ModelCall {
  model: string
  temperature?: number
  max_tokens?: number
  messages: { role: string; content: string }[]
}

/** A model server that writes down what it is asked, and answers with the number of the question. */
async function startRecorder(t: Test) {
  const calls: ModelCall[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const call = JSON.parse(body) as ModelCall & { stream?: boolean }
      calls.push(call)
      const content = `answer ${call.messages.length}`
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
      const base = { id: 'x', created: 1, model: call.model, usage }
      if (call.stream !== true) {
        const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ ...base, object: 'chat.completion', choices }))
        return
      }
      const choices = [{ index: 0, delta: { content }, finish_reason: 'stop' }]
      response.setHeader('content-type', 'text/event-stream')
      response.end(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices })}\n\ndata: [DONE]\n\n`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, calls }
}

t.test('the model is asked the same thing in both modes', async (t) => {
  const recorder = await startRecorder(t)
  const env = { LLM_BASE_URL: recorder.baseUrl, CHAT_HISTORY_MESSAGES: '4' }
  const pair = await startPair(t, { apiEnv: env, runtimeEnv: env })

  const asked: Record<string, unknown> = {}
  for (const org of [pair.inRuntime, pair.direct]) {
    await createAgent(pair.db, org.id, {
      slug: 'poet',
      name: 'Poet',
      systemPrompt: 'You answer in verse. 你用诗回答。',
      model: null,
      temperature: 0.3,
      maxTokens: 77,
      tools: []
    })
    const seen: ModelCall[] = []
    let sessionId: string | undefined
    for (const message of ['one', 'two 二', 'three\nlines', 'four']) {
      const body = { message, stream: false, ...(sessionId === undefined ? { agentId: 'poet' } : { sessionId }) }
      const answer = await pair.call(org, 'POST', '/chat', body)
      t.equal(answer.status, 200)
      sessionId = answer.body.data.sessionId
      asked[answer.body.data.mode] = seen
      const { model, temperature, max_tokens, messages } = recorder.calls.at(-1) as ModelCall
      seen.push({
        model,
        messages,
        ...(temperature === undefined ? {} : { temperature }),
        ...(max_tokens === undefined ? {} : { max_tokens })
      })
    }
  }
  t.ok(asked.runtime_orchestrator)
  t.same(asked.runtime_orchestrator, asked.direct_llm)
  t.same((asked.direct_llm as ModelCall[]).at(-1), {
    model: 'simulator',
    temperature: 0.3,
    max_tokens: 77,
    messages: [
      { role: 'system', content: 'You answer in verse. 你用诗回答。' },
      { role: 'user', content: 'two 二' },
      { role: 'assistant', content: 'answer 4' },
      { role: 'user', content: 'three\nlines' },
      { role: 'assistant', content: 'answer 6' },
      { role: 'user', content: 'four' }
    ]
  })
})
