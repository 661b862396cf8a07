import { startRuntime, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType } from '../helpers/chat-client.ts'
import { startPair } from '../helpers/start-pair.ts'

t.test('the life of a fallback', async (t) => {
  const pair = await startPair(t)
  const { inRuntime, api } = pair
  const [runtime] = pair.runtimes
  const gauge = async () => {
    const text = await (await fetch(`${api.baseUrl}/metrics`)).text()
    return /^chat_runtime_fallback_enabled (\d)$/m.exec(text)?.[1]
  }
  // Lines are written together, some milliseconds later.
  const logged = (...texts: string[]) =>
    waitFor(() => api.lines.some((line) => texts.some((text) => line.includes(`"msg":"${text}"`))), {
      what: `the log line ${texts.join(' or ')}`
    })
  const ask = async () => (await pair.call(inRuntime, 'POST', '/chat', { message: 'Hi', stream: false })).body.data

  await t.test('before the fault chats run in the runtime and the gauge is 0', async (t) => {
    t.match(await ask(), { mode: 'runtime_orchestrator' })
    t.equal(await gauge(), '0')
  })

  await t.test('without any traffic a dead runtime is noticed, logged and stored', async (t) => {
    runtime?.kill('SIGKILL')
    await waitFor(async () => (await gauge()) === '1', { what: 'the fallback', timeoutMs: 8000 })
    await logged('[RuntimeAdapter] 健康检查失败 错误: Runtime 无法连接 (RUNTIME_UNAVAILABLE)')
    await logged('[RuntimeAdapter] 触发自动回退 原因: 无法连接', '[RuntimeAdapter] 触发自动回退 原因: 健康检查未通过')
    const stored = await waitFor(
      () => pair.db.selectFrom('fallback_events').selectAll().where('state', '=', 'open').executeTakeFirst(),
      { what: 'the history' }
    )
    t.match(stored, { kind: 'transition', reason: /unavailable|health/ })
  })

  await t.test('chats are answered by the model and say so', async (t) => {
    const chat = await pair.stream(inRuntime, { message: 'Hello' })
    const events = await chat.ended
    t.equal(chat.headers.get('x-semibot-fallback'), '1')
    t.match(events[0], { type: 'execution.started', mode: 'direct_llm', attempt: 1 })
    t.match(events.find(isType('execution.fallback')), { from: 'runtime_orchestrator', to: 'direct_llm', attempt: 1 })
    t.match(events.at(-1), { type: 'execution.completed', attempts: 1 })
  })

  await t.test('an organisation that is not in the runtime does not fall back', async (t) => {
    const chat = await pair.stream(pair.direct, { message: 'Hello' })
    t.equal((await chat.ended).some(isType('execution.fallback')), false)
    t.equal(chat.headers.get('x-semibot-fallback'), null)
  })

  await t.test('it comes back within 15 s of the runtime, without traffic', async (t) => {
    const port = runtime?.port ?? 0
    await startRuntime(t.parent as typeof t, {
      DATABASE_URL: pair.databaseUrl,
      LLM_BASE_URL: pair.simulator.baseUrl,
      RUNTIME_SERVICE_TOKEN: pair.apiEnv.RUNTIME_SERVICE_TOKEN ?? '',
      RUNTIME_PORT: String(port)
    })
    const back = performance.now()
    await waitFor(async () => (await gauge()) === '0', { what: 'the recovery', timeoutMs: 20_000 })
    t.ok(performance.now() - back < 15_000, `${Math.round(performance.now() - back)} ms`)
    await logged('[RuntimeAdapter] 禁用自动回退 原因: 指标恢复正常')
    t.match(
      await waitFor(
        async () => {
          const data = await ask()
          return data.mode === 'runtime_orchestrator' && data
        },
        { what: 'a chat in the runtime', timeoutMs: 10_000 }
      ),
      { attempts: 1 }
    )
  })
})

t.test('one of two runtimes dies: the other takes over, nothing falls back as a whole', async (t) => {
  const pair = await startPair(t, { runtimes: 2 })
  pair.runtimes[0]?.kill('SIGKILL')
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => pair.call(pair.inRuntime, 'POST', '/chat', { message: 'Hi', stream: false }))
  )
  t.same(new Set(answers.map((answer) => answer.status)), new Set([200]))
  const later = await Promise.all(
    Array.from({ length: 10 }, () => pair.call(pair.inRuntime, 'POST', '/chat', { message: 'Hi', stream: false }))
  )
  t.same(new Set(later.map((answer) => answer.body.data?.mode)), new Set(['runtime_orchestrator']))
  const text = await (await fetch(`${pair.api.baseUrl}/metrics`)).text()
  t.match(text, /^chat_runtime_fallback_enabled 0$/m)
})

t.test('a full runtime: chats without tools are answered by the model, the others are told to wait', async (t) => {
  const pair = await startPair(t, { runtimeEnv: { RUNTIME_MAX_CONCURRENT_EXECUTIONS: '2' } })
  const { inRuntime } = pair
  const holders = await Promise.all([1, 2].map(() => pair.stream(inRuntime, { message: '[[sim:length=2000]]' })))
  await Promise.all(holders.map((holder) => holder.until(isType('message.delta'))))

  const plain = await pair.call(inRuntime, 'POST', '/chat', { message: 'Hi', stream: false })
  t.match(plain.body.data, { mode: 'direct_llm', attempts: 2 })
  const withTools = { agentId: 'assistant', message: 'What is 1+1?' }
  const refused = await pair.call(inRuntime, 'POST', '/chat', { ...withTools, stream: false })
  t.equal(refused.status, 429)
  t.ok(refused.headers.get('retry-after'))
  t.equal(refused.body.error.code, 'RUNTIME_OVERLOADED')
  t.equal((await pair.stream(inRuntime, withTools)).status, 429, 'a stream is refused before it begins')

  const text = await (await fetch(`${pair.api.baseUrl}/metrics`)).text()
  t.match(text, 'chat_execution_error_total{mode="runtime_orchestrator"} 0', 'want of room is no error')
  t.match(text, /chat_shed_total\{reason="runtime_overloaded"\} [3-9]/)
  t.match(text, /^chat_runtime_fallback_enabled 0$/m)
  await Promise.all(
    holders.map((holder) =>
      pair.call(inRuntime, 'POST', `/chat/executions/${holder.headers.get('x-execution-id')}/cancel`)
    )
  )
})

t.test('a fault of the model provider is no fault of the runtime', async (t) => {
  const pair = await startPair(t)
  await pair.simulator.control({ faults: [{ kind: 'status', status: 500 }] })
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => pair.call(pair.inRuntime, 'POST', '/chat', { message: 'Hi', stream: false }))
  )
  t.same(new Set(answers.map((answer) => answer.body.error?.code)), new Set(['LLM_UNAVAILABLE']))
  await pair.simulator.reset()
  t.match((await pair.call(pair.inRuntime, 'POST', '/chat', { message: 'Hi', stream: false })).body.data, {
    mode: 'runtime_orchestrator'
  })
})
