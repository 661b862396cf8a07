import { createSession } from '@semibot/db'
import { startApi, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { isType, openStream } from '../helpers/chat-client.ts'
import { clientOf, startPair } from '../helpers/start-pair.ts'

t.test('a chat is accepted once', async (t) => {
  const pair = await startPair(t, { runtimes: 0 })
  const { direct, simulator } = pair

  await t.test('fifty equal calls with one key are one execution with one answer', async (t) => {
    const before = (await simulator.stats()).started ?? 0
    const headers = { 'idempotency-key': 'fifty' }
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => pair.call(direct, 'POST', '/chat', { message: 'Once', stream: false }, headers))
    )
    t.same(new Set(answers.map((answer) => answer.status)), new Set([200]))
    t.equal(new Set(answers.map((answer) => answer.body.data.executionId)).size, 1)
    t.equal(new Set(answers.map((answer) => answer.body.data.message.content)).size, 1)
    t.equal(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true').length, 49)
    t.equal(((await simulator.stats()).started ?? 0) - before, 1, 'the model was asked once')
  })

  await t.test('a finished call streams again as it was', async (t) => {
    const headers = { 'idempotency-key': 'streamed' }
    const first = await (await pair.stream(direct, { message: 'Stream me' }, headers)).ended
    const again = await pair.stream(direct, { message: 'Stream me' }, headers)
    t.equal(again.headers.get('idempotency-replayed'), 'true')
    t.same(await again.ended, first)
  })

  await t.test('the same key with another message is refused', async (t) => {
    const { status, body } = await pair.call(
      direct,
      'POST',
      '/chat',
      { message: 'Twice' },
      { 'idempotency-key': 'fifty' }
    )
    t.equal(status, 422)
    t.equal(body.error.code, 'IDEMPOTENCY_MISMATCH')
  })

  await t.test('a session answers one message at a time', async (t) => {
    const first = await pair.stream(direct, { message: 'Long [[sim:length=100]]' })
    const sessionId = first.headers.get('x-session-id')
    const second = await pair.call(direct, 'POST', '/chat', { message: 'Now', sessionId, stream: false })
    t.equal(second.status, 409)
    t.match(second.body.error, {
      code: 'SESSION_BUSY',
      message: new RegExp(first.headers.get('x-execution-id') ?? '?')
    })
    t.equal(second.headers.get('retry-after'), '1')
    await first.ended
    t.equal((await pair.call(direct, 'POST', '/chat', { message: 'Now', sessionId, stream: false })).status, 200)
  })

  await t.test('a session whose agent is gone or cannot be read is not left busy', async (t) => {
    const agentId = uuidv7()
    const { id: sessionId } = await createSession(pair.db, direct.id, { agentId, userId: null })
    const message = { message: 'Is anybody there?', sessionId, stream: false }
    const gone = await pair.call(direct, 'POST', '/chat', message, { 'idempotency-key': 'gone' })
    t.equal(gone.status, 404)
    t.equal(gone.body.error.message, 'The agent of this session was deleted; name another one.')

    await pair.db.schema.alterTable('agents').renameColumn('tools', 'tools_away').execute()
    const failed = await pair.call(direct, 'POST', '/chat', message)
    await pair.db.schema.alterTable('agents').renameColumn('tools_away', 'tools').execute()
    t.equal(failed.status, 500)

    const named = { ...message, agentId: 'default' }
    t.equal((await pair.call(direct, 'POST', '/chat', named, { 'idempotency-key': 'gone' })).status, 200)
    const { data } = (await pair.call(direct, 'GET', `/sessions/${sessionId}/messages`)).body
    t.same(
      data.map(({ seq, role }: { seq: number; role: string }) => [seq, role]),
      [
        [2, 'assistant'],
        [1, 'user']
      ],
      'nothing is left of the calls that failed'
    )
  })
})

t.test('the run belongs to the server', async (t) => {
  const pair = await startPair(t, { runtimes: 0 })
  const { direct, simulator } = pair
  const long = { message: 'Long [[sim:length=60]]' }

  await t.test('a client that goes away can read on where it was', async (t) => {
    const first = await pair.stream(direct, long)
    const executionId = first.headers.get('x-execution-id') ?? ''
    await first.until((event) => event.seq >= 10)
    first.disconnect()
    const seen = first.events.length
    const rest = await pair.resume(direct, executionId, seen)
    const events = [...first.events.slice(0, seen), ...(await rest.ended)]
    t.same(
      events.map((event) => event.seq),
      events.map((_, index) => index + 1),
      'nothing is missing, nothing comes twice'
    )
    t.equal(events.at(-1)?.type, 'execution.completed')
    t.same(await (await pair.resume(direct, executionId)).ended, events, 'and from the start it is the same again')
    t.match((await pair.call(direct, 'GET', `/chat/executions/${executionId}`)).body.data, {
      status: 'completed',
      lastSeq: events.length
    })
  })

  await t.test('whatever a client says it has, the last it gets is the end', async (t) => {
    const first = await pair.stream(direct, { message: 'Short' })
    const events = await first.ended
    const executionId = first.headers.get('x-execution-id') ?? ''
    t.same(await (await pair.resume(direct, executionId, 99_999)).ended, events.slice(-1))
    const url = `${pair.api.baseUrl}/api/v1/chat/executions/${executionId}/events`
    for (const value of ['0x10', '1e3', '-1', 'x']) {
      t.equal((await openStream(url, direct.member.key, undefined, { 'last-event-id': value })).status, 400, value)
    }
  })

  await t.test('a session that is deleted takes its events and its running answer along', async (t) => {
    const headers = { 'idempotency-key': 'deleted' }
    const body = { message: 'Long [[sim:length=2000]]' }
    const chat = await pair.stream(direct, body, headers)
    const executionId = chat.headers.get('x-execution-id') ?? ''
    await chat.until(isType('message.delta'))
    const url = `${pair.api.baseUrl}/api/v1/sessions/${chat.headers.get('x-session-id')}`
    t.equal((await fetch(url, { method: 'DELETE', headers: direct.member.headers })).status, 204)
    t.match((await chat.ended).at(-1), { type: 'execution.cancelled' })
    t.equal((await pair.resume(direct, executionId)).status, 404)
    t.equal((await pair.stream(direct, body, headers)).status, 404, 'also by its idempotency key')
  })

  await t.test('a client that asked for it cancels by going away', async (t) => {
    const chat = await pair.stream(direct, { message: 'Long [[sim:length=2000]]', onDisconnect: 'cancel' })
    await chat.until(isType('message.delta'))
    chat.disconnect()
    await waitFor(async () => (await simulator.stats()).open === 0, { what: 'the model call to end', timeoutMs: 1000 })
    const executionId = chat.headers.get('x-execution-id')
    const { data } = (await pair.call(direct, 'GET', `/chat/executions/${executionId}`)).body
    t.equal(data.status, 'cancelled')
  })

  await t.test('a cancel reaches the model within 200 ms and keeps the text so far', async (t) => {
    const chat = await pair.stream(direct, { message: 'Long [[sim:length=2000]]' })
    const executionId = chat.headers.get('x-execution-id')
    await chat.until((event) => event.seq > 5)
    const started = performance.now()
    t.equal((await pair.call(direct, 'POST', `/chat/executions/${executionId}/cancel`)).status, 202)
    await waitFor(async () => (await simulator.stats()).open === 0, { what: 'the model call to end', timeoutMs: 1000 })
    t.ok(performance.now() - started < 200, `${Math.round(performance.now() - started)} ms`)
    t.match((await chat.ended).at(-1), { type: 'execution.cancelled', reason: 'user' })
    t.equal((await pair.call(direct, 'POST', `/chat/executions/${executionId}/cancel`)).status, 202, 'again: nothing')
    const sessionId = chat.headers.get('x-session-id')
    const { data } = (await pair.call(direct, 'GET', `/sessions/${sessionId}/messages`)).body
    const answer = data.find((message: { role: string }) => message.role === 'assistant')
    t.match(answer, { status: 'cancelled', content: chat.text() })
  })

  await t.test('ids may be written in capitals', async (t) => {
    const first = await pair.stream(direct, { message: 'Long [[sim:length=2000]]' })
    const executionId = first.headers.get('x-execution-id') ?? ''
    const sessionId = first.headers.get('x-session-id') ?? ''
    await first.until(isType('message.delta'))
    const execution = `/chat/executions/${executionId.toUpperCase()}`
    const again = await pair.resume(direct, executionId.toUpperCase())
    t.equal(again.status, 200)
    t.equal((await pair.call(direct, 'POST', `${execution}/cancel`)).body.data.executionId, executionId)
    t.match((await first.ended).at(-1), { type: 'execution.cancelled' })
    t.same(await again.ended, first.events)

    const message = { message: 'Long [[sim:length=2000]]', sessionId: sessionId.toUpperCase() }
    const second = await pair.stream(direct, message)
    t.equal(second.headers.get('x-session-id'), sessionId)
    await second.until(isType('message.delta'))
    const url = `${pair.api.baseUrl}/api/v1/sessions/${sessionId.toUpperCase()}`
    t.equal((await fetch(url, { method: 'DELETE', headers: direct.member.headers })).status, 204)
    t.match((await second.ended).at(-1), { type: 'execution.cancelled' })
  })

  await t.test('another replica cancels too, and says where the events are', async (t) => {
    const replica = await startApi(t, pair.apiEnv)
    const other = clientOf(replica.baseUrl)
    const chat = await pair.stream(direct, { message: 'Long [[sim:length=2000]]' })
    const executionId = chat.headers.get('x-execution-id') ?? ''
    await chat.until(isType('message.delta'))
    const elsewhere = await other.resume(direct, executionId)
    t.equal(elsewhere.status, 410)
    t.equal((await other.call(direct, 'POST', `/chat/executions/${executionId}/cancel`)).status, 202)
    t.match((await chat.ended).at(-1), { type: 'execution.cancelled' })
    const stored = await (await other.resume(direct, executionId)).ended
    t.same(
      stored.map((event) => event.type),
      ['execution.started', 'message.started', 'message.completed', 'execution.cancelled']
    )

    const next = await pair.stream(direct, { message: 'Long [[sim:length=2000]]' })
    await next.until(isType('message.delta'))
    const session = `${replica.baseUrl}/api/v1/sessions/${next.headers.get('x-session-id')}`
    t.equal((await fetch(session, { method: 'DELETE', headers: direct.member.headers })).status, 204)
    t.match((await next.ended).at(-1), { type: 'execution.cancelled' }, 'also when it deletes the session')
  })
})
