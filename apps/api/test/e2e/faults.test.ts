import { runCli, startPostgres } from '@semibot/stack'
import { startApi, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType } from '../helpers/chat-client.ts'
import { clientOf, startPair } from '../helpers/start-pair.ts'

const LONG = { message: 'Tell me a story [[sim:length=80]]' }

t.test('the runtime fails, the chat is answered all the same', async (t) => {
  const pair = await startPair(t, { apiEnv: { RUNTIME_STALL_TIMEOUT_MS: '700' } })
  const { inRuntime } = pair
  const [runtime] = pair.runtimes

  await t.test('killed in the middle: the text is taken back and a full answer follows', async (t) => {
    const chat = await pair.stream(inRuntime, LONG)
    await chat.until((event) => event.seq > 10)
    runtime?.kill('SIGKILL')
    const events = await chat.ended
    t.equal(chat.headers.get('x-semibot-execution-mode'), 'runtime_orchestrator', 'as it was when the headers left')
    t.match(events.find(isType('execution.fallback')), {
      from: 'runtime_orchestrator',
      to: 'direct_llm',
      reasonCode: 'RUNTIME_UNAVAILABLE',
      attempt: 2
    })
    t.match(events.at(-1), { type: 'execution.completed', mode: 'direct_llm', attempts: 2 })
    const completed = events.find(isType('message.completed')) as { content: string }
    t.equal(chat.text(), completed.content, 'the answer is whole and unmixed')
    const stored = await pair.call(inRuntime, 'GET', `/sessions/${chat.headers.get('x-session-id')}/messages`)
    t.match(
      stored.body.data.find((message: { role: string }) => message.role === 'assistant'),
      {
        status: 'complete',
        content: completed.content
      }
    )
  })

  await t.test('not there: the first byte already comes from the model', async (t) => {
    const chat = await pair.stream(inRuntime, { message: 'Hello' })
    const events = await chat.ended
    t.equal(chat.headers.get('x-semibot-execution-mode'), 'direct_llm')
    t.equal(chat.headers.get('x-semibot-fallback'), '1')
    t.match(events[0], { type: 'execution.started', mode: 'direct_llm' })
    t.match(events[1], { type: 'execution.fallback', discardedMessageIds: [] })
    t.match(events.at(-1), { type: 'execution.completed' })
  })

  await t.test('the log and the metrics say what happened, in the words of the runbook', async (t) => {
    // Lines are written together, some milliseconds later.
    const log = await waitFor(
      () => {
        const text = pair.api.lines.join('\n')
        return text.includes('[Chat] Runtime 执行失败') && text
      },
      { what: 'the log lines' }
    )
    t.match(log, /"msg":"\[RuntimeAdapter\] 执行失败 错误: Runtime 无法连接 \(RUNTIME_UNAVAILABLE\)"\}/)
    t.match(log, /"msg":"\[Chat\] Runtime 执行失败 错误: Runtime 无法连接 \(RUNTIME_UNAVAILABLE\)"\}/)
    const metrics = await (await fetch(`${pair.api.baseUrl}/metrics`)).text()
    t.match(metrics, /chat_execution_error_total\{mode="runtime_orchestrator"\} [12]\n/)
    t.match(metrics, 'chat_request_total{outcome="success"} 2')
    t.match(metrics, 'chat_request_total{outcome="error"} 0')
  })

  await t.test('runtime and model both down: one clear error, one attempt each', async (t) => {
    await pair.simulator.control({ faults: [{ kind: 'status', status: 503 }] })
    const before = (await pair.simulator.stats()).started ?? 0
    const { status, body, headers } = await pair.call(inRuntime, 'POST', '/chat', { message: 'Hello', stream: false })
    t.equal(status, 502)
    t.match(body, { success: false, error: { code: 'LLM_UNAVAILABLE', requestId: String } })
    t.equal(headers.get('x-should-retry'), 'false')
    t.ok(
      ((await pair.simulator.stats()).started ?? 0) - before <= 2,
      'the model was asked once, and once more by its client'
    )
  })
})

t.test('a runtime that hangs is left after its time', async (t) => {
  const pair = await startPair(t, { apiEnv: { RUNTIME_STALL_TIMEOUT_MS: '700', RUNTIME_ACCEPT_TIMEOUT_MS: '500' } })
  const [runtime] = pair.runtimes
  const chat = await pair.stream(pair.inRuntime, LONG)
  await chat.until((event) => event.seq > 5)
  runtime?.kill('SIGSTOP')
  t.teardown(() => runtime?.kill('SIGCONT'))
  const events = await chat.ended
  t.match(events.find(isType('execution.fallback')), { reasonCode: 'RUNTIME_STALLED' })
  t.match(events.at(-1), { type: 'execution.completed', mode: 'direct_llm' })
  const next = await (await pair.stream(pair.inRuntime, { message: 'And now?' })).ended
  t.match(next[0], { type: 'execution.started', mode: 'direct_llm' })
  t.match(next.at(-1), { type: 'execution.completed' })
})

t.test('an api that is told to stop lets streams end, then ends them itself', async (t) => {
  const pair = await startPair(t, { runtimes: 0, apiEnv: { SHUTDOWN_GRACE_MS: '300' } })
  const short = await pair.stream(pair.direct, { message: 'Short [[sim:length=20]]' })
  const long = await pair.stream(pair.direct, { message: 'Long [[sim:length=3000]]' })
  const abandoned = await pair.stream(pair.direct, { message: 'Left alone [[sim:length=3000]]' })
  await abandoned.until(isType('message.delta'))
  abandoned.disconnect()
  await Promise.all([short.until(isType('message.delta')), long.until(isType('message.delta'))])
  await pair.api.stop()
  t.match((await short.ended).at(-1), { type: 'execution.completed' })
  t.match((await long.ended).at(-1), { type: 'execution.failed', error: { code: 'SHUTTING_DOWN', retryable: true } })
  const running = await pair.db.selectFrom('executions').select('id').where('status', '=', 'running').execute()
  t.same(running, [], 'nothing is left running, the abandoned one included')
  t.equal((await pair.simulator.stats()).open, 0)
})

t.test('a killed api loses little, and its sessions are free again', async (t) => {
  const pair = await startPair(t, { runtimes: 0 })
  const chat = await pair.stream(pair.direct, { message: 'Long [[sim:length=3000]]' })
  const sessionId = chat.headers.get('x-session-id')
  await waitFor(
    () => pair.db.selectFrom('messages').select('id').where('status', '=', 'streaming').executeTakeFirst(),
    { what: 'the partial answer to be saved', timeoutMs: 6000 }
  )
  pair.api.kill('SIGKILL')
  await t.rejects(chat.ended, 'the client sees a cut, never a silent end')
  const next = clientOf((await startApi(t, pair.apiEnv)).baseUrl)
  const aMinuteAgo = new Date(Date.now() - 60_000)
  const instances = await pair.db.selectFrom('service_instances').select('id').orderBy('started_at').execute()
  t.equal(instances.length, 2)
  // As if the dead one had been silent, and the living one there, for a while.
  const [dead, alive] = instances.map((instance) => instance.id)
  await pair.db
    .updateTable('service_instances')
    .set({ steady_since: aMinuteAgo })
    .where('id', '=', alive ?? '')
    .execute()
  await pair.db
    .updateTable('service_instances')
    .set({ seen_at: aMinuteAgo })
    .where('id', '=', dead ?? '')
    .execute()
  await pair.db.updateTable('executions').set({ created_at: aMinuteAgo }).where('status', '=', 'running').execute()

  const answer = await waitFor(
    async () => {
      const tried = await next.call(pair.direct, 'POST', '/chat', { message: 'Still there?', sessionId, stream: false })
      return tried.status === 200 ? tried : undefined
    },
    { what: 'the session to be free', timeoutMs: 6000 }
  )
  t.equal(answer.status, 200)
  const { data } = (await next.call(pair.direct, 'GET', `/sessions/${sessionId}/messages`)).body
  const cut = data.find((message: { status: string }) => message.status === 'partial')
  t.ok(chat.text().startsWith(cut?.content.slice(0, 20)), 'the text that was saved is kept')
})

t.test('Postgres fails', async (t) => {
  const options = { dataDir: t.testdir(), fast: true, password: 'of-the-test', adminPassword: 'of-the-test' }
  let server = await startPostgres(options)
  t.teardown(() => server.stop())
  await runCli(['db', 'migrate'], { ...process.env, DATABASE_URL: server.url })
  const pair = await startPair(t, { runtimes: 0, apiEnv: { DATABASE_URL: server.url } })

  const chat = await pair.stream(pair.direct, { message: 'Go on [[sim:length=150]]' })
  await chat.until(isType('message.delta'))
  await server.stop()

  const refused = await pair.call(pair.direct, 'POST', '/chat', { message: 'Now?', stream: false })
  t.equal(refused.status, 503)
  t.ok(refused.headers.get('retry-after'))
  t.equal(refused.body.error.code, 'OVERLOADED')
  t.equal((await fetch(`${pair.api.baseUrl}/ready`)).status, 200, 'a dependency never takes the api out of service')

  server = await startPostgres({ ...options, port: server.port })
  t.match((await chat.ended).at(-1), { type: 'execution.completed' }, 'the stream went on meanwhile')
  const stored = await waitFor(
    () =>
      pair.db
        .selectFrom('executions')
        .select('status')
        .where('id', '=', chat.headers.get('x-execution-id') ?? '')
        .executeTakeFirst(),
    { what: 'Postgres to answer' }
  )
  t.equal(stored.status, 'completed', 'and its end was stored when Postgres was back')
  t.equal((await pair.call(pair.direct, 'POST', '/chat', { message: 'Now?', stream: false })).status, 200)
})
