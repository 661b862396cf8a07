import { chatEventSchema, isTerminal } from '@semibot/chat-protocol'
import t from 'tap'
import { isType, openStream } from '../helpers/chat-client.ts'
import { startPair } from '../helpers/start-pair.ts'

t.test('one chat, end to end, in both modes', async (t) => {
  const pair = await startPair(t)
  const { inRuntime, direct } = pair

  for (const [org, mode] of [
    [inRuntime, 'runtime_orchestrator'],
    [direct, 'direct_llm']
  ] as const) {
    await t.test(`${mode} streams numbered events that follow the schema and end once`, async (t) => {
      const chat = await pair.stream(org, { message: 'Hello there' })
      const events = await chat.ended
      t.equal(chat.status, 200)
      t.equal(chat.headers.get('x-semibot-execution-mode'), mode)
      t.equal(chat.headers.get('x-semibot-fallback'), null)
      t.same(
        events.map((event) => event.seq),
        events.map((_, index) => index + 1)
      )
      for (const event of events)
        if (!chatEventSchema.safeParse(event).success) t.fail(`not of the schema: ${event.type}`)
      t.match(events[0], { type: 'execution.started', mode, executionId: chat.headers.get('x-execution-id') })
      t.equal(events.filter(isTerminal).length, 1)
      t.match(events.at(-1), { type: 'execution.completed', mode, attempts: 1, usage: { totalTokens: Number } })
      const completed = events.find(isType('message.completed')) as { content: string }
      t.equal(chat.text(), completed.content, 'the deltas are the whole answer')
      t.match(completed.content, /Hello there/)

      const stored = await pair.call(org, 'GET', `/sessions/${chat.headers.get('x-session-id')}/messages`)
      t.match(
        stored.body.data
          .map((message: { role: string; content: string; status: string }) => [
            message.role,
            message.content,
            message.status
          ])
          .sort(),
        [
          ['assistant', completed.content, 'complete'],
          ['user', 'Hello there', 'complete']
        ]
      )
    })

    await t.test(`${mode} gives one JSON answer when asked, with usage`, async (t) => {
      const { status, body } = await pair.call(org, 'POST', '/chat', { message: 'Hi', stream: false })
      t.equal(status, 200)
      t.match(body.data, { mode, attempts: 1, finishReason: 'stop', message: { role: 'assistant', content: /Hi/ } })
      t.ok(body.data.usage.totalTokens > 0)
    })

    await t.test(`${mode} knows what was said before in the session`, async (t) => {
      const first = await pair.call(org, 'POST', '/chat', { message: 'My cat is called Ming', stream: false })
      const { sessionId } = first.body.data
      const second = await pair.call(org, 'POST', '/chat', {
        message: 'What did I say before?',
        stream: false,
        sessionId
      })
      t.match(second.body.data.message.content, /My cat is called Ming/)
      t.equal(second.body.data.sessionId, sessionId)
    })
  }

  await t.test('an agent with tools computes in the runtime', async (t) => {
    const chat = await pair.stream(inRuntime, { agentId: 'assistant', message: 'What is 17*23?' })
    const events = await chat.ended
    t.match(events.find(isType('tool.started')), { name: 'calculator', input: { expression: '17*23' }, effect: 'none' })
    t.match(events.find(isType('tool.finished')), { status: 'ok' })
    t.match(chat.text(), /391/)
  })

  await t.test('the Agent2UI routes begin and continue a session', async (t) => {
    const url = `${pair.api.baseUrl}/api/v1/chat`
    const first = await (await post(`${url}/start`, inRuntime.member.headers, { message: 'I live in Delft' })).text()
    const done = /event: done\ndata: (.*)/.exec(first)?.[1] ?? '{}'
    const { sessionId, executionMode } = JSON.parse(done)
    t.equal(executionMode, 'runtime_orchestrator')
    const second = await (
      await post(`${url}/sessions/${sessionId}`, inRuntime.member.headers, { message: 'What did I say before?' })
    ).text()
    const text = [...second.matchAll(/"type":"text","data":\{"content":("(?:[^"\\]|\\.)*")\}/g)]
      .map((match) => JSON.parse(match[1] ?? '""'))
      .join('')
    t.match(text, /I live in Delft/)
  })

  await t.test('a session of one end user is not there for another', async (t) => {
    const asAnn = { 'x-user-id': 'ann' }
    const { body } = await pair.call(direct, 'POST', '/chat', { message: 'secret', stream: false }, asAnn)
    const { sessionId, executionId } = body.data
    const asBob = { 'x-user-id': 'bob' }
    t.equal((await pair.call(direct, 'POST', '/chat', { message: 'x', stream: false, sessionId }, asBob)).status, 404)
    t.equal((await pair.call(direct, 'GET', `/chat/executions/${executionId}`, undefined, asBob)).status, 404)
    t.equal((await pair.call(direct, 'GET', `/chat/executions/${executionId}`, undefined, asAnn)).status, 200)
    const url = `${pair.api.baseUrl}/api/v1/chat/executions/${executionId}/events`
    t.equal((await openStream(url, direct.member.key, undefined, asBob)).status, 404)
    t.equal(
      (await pair.call(pair.inRuntime, 'GET', `/chat/executions/${executionId}`)).status,
      404,
      'nor for another organisation'
    )
  })

  await t.test('what was counted agrees with what was answered', async (t) => {
    const text = await (await fetch(`${pair.api.baseUrl}/metrics`)).text()
    const value = (series: string) =>
      Number(new RegExp(`^${series.replace(/[{}]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1])
    for (const mode of ['direct_llm', 'runtime_orchestrator']) {
      const total = value(`chat_execution_total{mode="${mode}"}`)
      t.ok(total > 3, `${mode}: ${total}`)
      t.equal(value(`chat_execution_success_total{mode="${mode}"}`), total)
      t.equal(value(`chat_execution_error_total{mode="${mode}"}`), 0)
      t.equal(value(`chat_execution_in_flight{mode="${mode}"}`), 0)
    }
  })
})

function post(url: string, headers: Record<string, string>, body: object) {
  return fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body)
  })
}
