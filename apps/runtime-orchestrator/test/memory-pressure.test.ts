import { startRuntime, startSimulator, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { makeRequest, post } from './helpers/execute.ts'
import { TOKEN } from './helpers/start-app.ts'

const HEAP_MIB = 192
const LIMIT = 2_000

t.test('a process that runs out of heap refuses what is new, and lives', async (t) => {
  const simulator = await startSimulator(t)
  const runtime = await startRuntime(t, {
    ENV_FILE: '/dev/null',
    // In quotes, as programs write it that put their own options before it.
    NODE_OPTIONS: `"--max-old-space-size=${HEAP_MIB}"`,
    LLM_BASE_URL: simulator.baseUrl,
    DATABASE_URL: 'postgres://semibot@127.0.0.1:1/semibot',
    RUNTIME_SERVICE_TOKEN: TOKEN,
    RUNTIME_MAX_CONCURRENT_EXECUTIONS: String(LIMIT),
    RUNTIME_MEMORY_HIGH_WATER: '0.7',
    SHUTDOWN_GRACE_MS: '0'
  })
  const origin = runtime.baseUrl
  // Each execution keeps its history while it waits for the model.
  const history = Array.from({ length: 9 }, (_, index) => ({
    role: index % 2 === 0 ? ('user' as const) : ('assistant' as const),
    content: `${index} ${'x'.repeat(90_000)}`
  }))
  const leave = new AbortController()
  // Held on to: an answer that nobody holds is given up, and its execution with it.
  const begun: Response[] = []
  let refusal: Response | undefined
  while (refusal === undefined && begun.length < LIMIT) {
    const response = await post(origin, makeRequest('Wait [[sim:hang]]', { history }), { signal: leave.signal })
    if (response.status === 200) begun.push(response)
    else refusal = response
  }
  t.ok(begun.length > 5 && begun.length < LIMIT, `${begun.length} executions were begun before`)
  t.equal(refusal?.status, 503)
  t.equal(refusal?.headers.get('retry-after'), '1')
  t.match(await refusal?.json(), {
    error: {
      code: 'RUNTIME_OVERLOADED',
      message: 'This runtime is short of memory.',
      details: [{ path: 'reason', message: /^memory, heap: \d+ % used$/ }]
    }
  })
  t.same(await (await fetch(`${origin}/health`)).json(), { status: 'healthy' })
  const page = await (await fetch(`${origin}/metrics`)).text()
  t.match(page, /^runtime_execution_refused_total\{reason="memory"\} 1$/m)
  t.match(page, new RegExp(`^runtime_execution_in_flight ${begun.length}$`, 'm'), 'what runs goes on')
  const warning = /"limit":"heap".*"msg":"\[Runtime\] memory is nearly used up: no new executions"/
  // Lines of a log are on their way for a moment.
  await waitFor(() => warning.test(runtime.lines.join('\n')), { what: 'the warning in the log' })
  leave.abort()
})
