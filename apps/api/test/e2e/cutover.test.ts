import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import { isType } from '../helpers/chat-client.ts'
import { startFakeRuntime } from '../helpers/fake-runtime.ts'
import { ADMIN_TOKEN, startPair } from '../helpers/start-pair.ts'

const chat = { message: 'Hi', stream: false }

t.test('the two lines of the runbook send no call at all to the runtime, whatever else is set', async (t) => {
  const runtime = await startFakeRuntime(t, (call) => {
    call.begin()
    call.finish('from the runtime')
  })
  let requests = 0
  runtime.server.on('request', () => requests++)
  const pair = await startPair(t, {
    runtimes: 0,
    apiEnv: {
      RUNTIME_SERVICE_URL: runtime.url,
      CHAT_EXECUTION_MODE: 'direct_llm',
      CHAT_RUNTIME_ENABLED_ORGS: '',
      CHAT_RUNTIME_PERCENT: '50',
      CHAT_RUNTIME_SHADOW_PERCENT: '100'
    }
  })
  for (let index = 0; index < 10; index++) {
    t.match((await pair.call(pair.inRuntime, 'POST', '/chat', chat)).body.data, { mode: 'direct_llm' })
  }
  const twoHealthChecksLater = async () => {
    const text = await (await fetch(`${pair.api.baseUrl}/metrics`)).text()
    const startedAt = Number(/^process_start_time_seconds (\S+)$/m.exec(text)?.[1])
    return Date.now() / 1000 - startedAt > 3
  }
  await waitFor(twoHealthChecksLater, { what: 'the time of two health checks' })
  t.equal(requests, 0, 'no chat, no shadow, no health check, no probe')
})

t.test('a copy of some admitted chats runs on the runtime and is seen by nobody', async (t) => {
  const runtime = await startFakeRuntime(t, (call) => {
    call.begin()
    call.finish('from the shadow')
  })
  const pair = await startPair(t, {
    runtimes: 0,
    apiEnv: { RUNTIME_SERVICE_URL: runtime.url, CHAT_RUNTIME_PERCENT: '0.01', CHAT_RUNTIME_SHADOW_PERCENT: '100' }
  })
  const { body } = await pair.call(pair.inRuntime, 'POST', '/chat', { ...chat, agentId: 'assistant' })
  t.match(body.data, { mode: 'direct_llm' })
  t.notMatch(body.data.message.content, /shadow/)
  const metrics = await waitFor(
    async () => {
      const text = await (await fetch(`${pair.api.baseUrl}/metrics`)).text()
      return text.includes('chat_shadow_total{verdict="completed"} 1') && text
    },
    { what: 'the shadow to be counted' }
  )
  t.match(metrics, 'chat_execution_total{mode="runtime_orchestrator"} 0', 'it is no execution')
  const [copy] = runtime.calls
  t.same(copy?.body.agent.tools, [], 'without tools')
  t.not(copy?.body.executionId, body.data.executionId)
  t.equal(copy?.body.message, 'Hi')
  const rows = await pair.db.selectFrom('executions').select('id').execute()
  t.equal(rows.length, 1, 'and it is not stored')
  await pair.call(pair.direct, 'POST', '/chat', chat)
  t.equal(runtime.calls.length, 1, 'an organisation that is not admitted has no shadow')
})

t.test('the two lines end a fallback without a restart: what is not used does not fall back', async (t) => {
  const file = join(t.testdir(), '.env')
  writeFileSync(file, 'CHAT_RUNTIME_ENABLED_ORGS="in-runtime"\n')
  const pair = await startPair(t, { runtimes: 0, apiEnv: { ENV_FILE: file }, leaveOut: ['CHAT_RUNTIME_ENABLED_ORGS'] })
  const gauge = async (value: string) =>
    (await (await fetch(`${pair.api.baseUrl}/metrics`)).text()).includes(`\nchat_runtime_fallback_enabled ${value}\n`)
  await waitFor(() => gauge('1'), { what: 'the fallback', timeoutMs: 8000 })

  writeFileSync(file, 'CHAT_EXECUTION_MODE="direct_llm"\nCHAT_RUNTIME_ENABLED_ORGS=""  # 暂时禁用\n')
  pair.api.kill('SIGHUP')
  await waitFor(() => gauge('0'), { what: 'the gauge' })
  const response = await fetch(`${pair.api.baseUrl}/api/v1/runtime/fallback/status`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` }
  })
  t.match(await response.json(), { data: { fallbackEnabled: false, fallbackReason: '' } })
  const stream = await pair.stream(pair.inRuntime, { message: 'Hi' })
  t.equal((await stream.ended).some(isType('execution.fallback')), false, 'and no chat says that it fell back')
})
