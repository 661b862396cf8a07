import { startApi, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { startFakeRuntime } from '../../helpers/fake-runtime.ts'
import { ADMIN_TOKEN, startPair } from '../../helpers/start-pair.ts'

const FAILING = { message: 'fail', stream: false }

/** Calls of the operator as the runbook makes them, but for curl itself. */
function operatorAt(baseUrl: string) {
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${baseUrl}/api/v1/runtime${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return (await response.json()) as { message?: string; data: ReturnType<typeof JSON.parse> }
  }
  return { call, status: async () => (await call('GET', '/fallback/status')).data }
}

t.test('the life of a fallback as the operator sees it, on a running api', async (t) => {
  const runtime = await startFakeRuntime(
    t,
    (call) => {
      if (call.body.message === FAILING.message) call.response.writeHead(500).end()
      else {
        call.begin()
        call.finish('done')
      }
    },
    { probeStatus: 500 }
  )
  const pair = await startPair(t, { runtimes: 0, apiEnv: { RUNTIME_SERVICE_URL: runtime.url } })
  const { inRuntime } = pair
  let { api } = pair
  let operator = operatorAt(api.baseUrl)
  const lines = (text: string) => api.lines.filter((line) => line.includes(text))
  /** A line that ends as the runbook's patterns need it. */
  const logged = (text: string) => waitFor(() => lines(`"msg":"${text}"}`).at(-1), { what: `the line ${text}` })
  const metric = async (name: string) => {
    const text = await (await fetch(`${api.baseUrl}/metrics`)).text()
    return text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1)
  }

  await t.test('ten failures: status, line, metric and history tell the same', async (t) => {
    for (let chat = 0; chat < 10; chat++) {
      t.equal(await metric('chat_runtime_fallback_enabled'), '0')
      t.equal((await pair.call(inRuntime, 'POST', '/chat', FAILING)).status, 200, 'nobody chatting notices')
    }
    t.match(await operator.status(), {
      fallbackEnabled: true,
      fallbackReason: '错误率过高: 100.00% (阈值: 50.00%)',
      window: { samples: 0 }
    })
    const line = JSON.parse(await logged('[RuntimeAdapter] 触发自动回退 原因: 错误率过高'))
    t.match(line, { from: 'closed', to: 'open', evidence: { samples: 10, errors: 10 } })
    t.equal(await metric('chat_runtime_fallback_enabled'), '1')
    t.equal(await metric('chat_runtime_fallback_transitions_total{to="open",reason="error_rate"}'), '1')
    const row = await waitFor(
      () => pair.db.selectFrom('fallback_events').selectAll().where('kind', '=', 'transition').executeTakeFirst(),
      { what: 'the history' }
    )
    t.match(row, { state: 'open', reason: 'error_rate', evidence: { samples: 10, value: 1, threshold: 0.5 } })
  })

  await t.test('reset: the line that the runbook looks for, gauge 0, and it sticks', async (t) => {
    const { message, data } = await operator.call('POST', '/fallback/reset')
    t.equal(message, '回退状态已重置')
    t.match(data, { fallbackReason: '', state: 'closed', stored: true, window: { samples: 0 } })
    t.match(JSON.parse(await logged('[RuntimeAdapter] 禁用自动回退 原因: 手动重置')), { actor: 'admin-1' })
    t.equal(await metric('chat_runtime_fallback_enabled'), '0')
    for (let chat = 0; chat < 9; chat++) await pair.call(inRuntime, 'POST', '/chat', FAILING)
    t.match(await operator.status(), { state: 'closed', window: { samples: 9 } }, 'nine new failures are not ten')
    await pair.call(inRuntime, 'POST', '/chat', FAILING)
    t.match(await operator.status(), { state: 'open' }, 'ten are')
  })

  await t.test('a force ends when its time is over', async (t) => {
    await operator.call('POST', '/fallback/force', { mode: 'closed', reason: 'for a moment', expiresInSeconds: 1 })
    await logged('[RuntimeAdapter] 禁用自动回退 原因: 手动强制')
    await waitFor(async () => (await operator.status()).forced === null, { what: 'the end of the force' })
    t.match(await operator.status(), { state: 'closed', fallbackReason: '' })
    t.equal(await metric('chat_runtime_fallback_forced'), '0')
    const ended = await waitFor(
      async () => (await operator.status()).history.find(({ actor }: { actor: string }) => actor === 'automatic'),
      { what: 'the history' }
    )
    t.match(ended, { kind: 'transition', state: 'closed', reason: 'forced', expiresAt: null })
  })

  await t.test('a force survives the restart of the api, and then its end as well', async (t) => {
    const restart = async () => {
      await api.stop()
      api = await startApi(t.parent as typeof t, pair.apiEnv)
      operator = operatorAt(api.baseUrl)
    }
    const { data } = await operator.call('POST', '/fallback/force', { mode: 'open', reason: 'maintenance' })
    await logged('[RuntimeAdapter] 触发自动回退 原因: 手动强制')
    await restart()
    const after = await operator.status()
    t.match(after, { fallbackEnabled: true, fallbackReason: '手动强制: maintenance' })
    t.match(after.forced, { mode: 'open', actor: 'admin-1', reason: 'maintenance' })
    const apartMs = new Date(after.forced.expiresAt).getTime() - new Date(data.forced.expiresAt).getTime()
    t.ok(Math.abs(apartMs) < 2000, `it ends when it was to end, ${apartMs} ms apart`)
    t.equal(await metric('chat_runtime_fallback_enabled'), '1')
    await operator.call('POST', '/fallback/force', { mode: 'auto' })
    await restart()
    t.match(await operator.status(), { forced: null, state: 'closed' })
  })
})
