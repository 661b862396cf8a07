import { spawnSync } from 'node:child_process'
import { API_METRICS, LINT_EXCEPTIONS, RUNTIME_METRICS, SHARED_METRICS } from '@semibot/metrics'
import { type CollectedSpan, findPromtool, startPrometheus, startTraceCollector } from '@semibot/stack'
import { missingPrometheus, waitFor } from '@semibot/stack/test'
import t from 'tap'
import { startPair } from '../helpers/start-pair.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`
const QUESTION = 'What is 17*23?'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0'

const collector = await startTraceCollector()
t.teardown(() => collector.stop())
const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
// A busy machine is no slow runtime here.
const patient = {
  RUNTIME_CONNECT_TIMEOUT_MS: '20000',
  RUNTIME_ACCEPT_TIMEOUT_MS: '20000',
  RUNTIME_STALL_TIMEOUT_MS: '20000'
}
const pair = await startPair(t, { apiEnv: { ...tracing, ...patient }, runtimeEnv: tracing })
const [runtime] = pair.runtimes

/** The spans of one trace once it is whole: spans are sent in batches, children before their parents. */
async function traceOf(traceId: string, names: string[]): Promise<Map<string, CollectedSpan>> {
  const spans = () => collector.spans.filter((span) => span.traceId === traceId)
  await waitFor(() => names.every((name) => spans().some((span) => span.name === name)), {
    timeoutMs: 60_000,
    what: `${names.join(', ')} in trace ${traceId}`
  })
  return new Map(spans().map((span) => [`${span.service} ${span.name}`, span]))
}

t.test('a chat with a tool is one trace, through api, runtime, tool and model', async (t) => {
  const body = { message: QUESTION, agentId: 'assistant' }
  const chat = await pair.stream(pair.inRuntime, body, { traceparent: TRACEPARENT })
  const events = await chat.ended
  t.match(events[0], { type: 'execution.started', traceId: TRACE })
  t.match(chat.text(), '391')

  const expected: [child: string, kind: string, parent: string][] = [
    ['semibot-api POST /api/v1/chat', 'server', ''],
    ['semibot-api accept_turn', 'client', 'semibot-api POST /api/v1/chat'],
    ['semibot-api execute_chat', 'internal', 'semibot-api POST /api/v1/chat'],
    ['semibot-api invoke_agent assistant', 'client', 'semibot-api execute_chat'],
    ['semibot-runtime POST /api/v1/execute/stream', 'server', 'semibot-api invoke_agent assistant'],
    ['semibot-runtime invoke_agent assistant', 'internal', 'semibot-runtime POST /api/v1/execute/stream'],
    ['semibot-runtime step 1', 'internal', 'semibot-runtime invoke_agent assistant'],
    ['semibot-runtime execute_tool calculator', 'internal', 'semibot-runtime step 1'],
    ['semibot-runtime step 2', 'internal', 'semibot-runtime invoke_agent assistant'],
    ['semibot-api finish_turn', 'client', 'semibot-api execute_chat']
  ]
  const names = expected.map(([child]) => child.split(' ').slice(1).join(' '))
  const trace = await traceOf(TRACE, names)
  for (const [child, kind, parent] of expected) {
    const span = trace.get(child)
    t.equal(span?.kind, kind, child)
    t.equal(span?.parentSpanId, parent === '' ? CALLER : trace.get(parent)?.spanId, `${child} is under ${parent}`)
    t.equal(span?.failed, false, child)
  }
  const models = collector.spans.filter(({ traceId, name }) => traceId === TRACE && name === 'chat simulator')
  t.strictSame(
    models.map(({ parentSpanId }) => parentSpanId),
    ['step 1', 'step 2'].map((step) => trace.get(`semibot-runtime ${step}`)?.spanId),
    'one model call in each turn'
  )
  const calls = (await (await fetch(new URL('/control/calls', pair.simulator.baseUrl))).json()) as {
    headers: { traceparent?: string }
  }[]
  t.strictSame(
    calls.slice(-2).map(({ headers }) => headers.traceparent),
    models.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
    'and the model server is told its span'
  )

  const executionId = chat.headers.get('x-execution-id')
  const sessionId = chat.headers.get('x-session-id')
  t.match(trace.get('semibot-api execute_chat')?.attributes, {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'assistant',
    'gen_ai.conversation.id': sessionId,
    'semibot.execution.id': executionId,
    'semibot.execution.status': 'completed',
    'semibot.attempts': 1
  })
  t.match(models[0], {
    service: 'semibot-runtime',
    kind: 'client',
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai-compatible',
      'gen_ai.request.model': 'simulator',
      'gen_ai.response.finish_reasons': ['tool_calls'],
      'gen_ai.usage.input_tokens': Number,
      'gen_ai.usage.output_tokens': Number
    }
  })
  t.match(trace.get('semibot-runtime execute_tool calculator')?.attributes, {
    'gen_ai.tool.name': 'calculator',
    'gen_ai.tool.call.id': String,
    'semibot.tool.status': 'ok'
  })
  t.match(trace.get('semibot-api accept_turn')?.attributes, { 'db.system.name': 'postgresql' })
  const all = JSON.stringify(collector.spans)
  for (const said of [QUESTION, '17*23']) t.notOk(all.includes(said), `nothing that was said: ${said}`)

  for (const { lines } of [pair.api, runtime!]) {
    const line = lines.find((text) => text.includes(String(executionId)) && text.includes('"level":"info"')) ?? '{}'
    t.equal((JSON.parse(line) as { traceId?: string }).traceId, TRACE, 'the log names the trace')
    t.match(line, /"msg":"[^"]*"\}$/, 'before its message')
  }
})

t.test(
  'the latency of the chat leads to its trace, also in a real Prometheus',
  { skip: missingPrometheus() },
  async (t) => {
    const page = await fetch(`${pair.api.baseUrl}/metrics`, { headers: { accept: OPEN_METRICS } })
    t.match(page.headers.get('content-type'), OPEN_METRICS)
    t.match(await page.text(), `mode="runtime_orchestrator"} 1 # {trace_id="${TRACE}"} `)

    const prometheus = await startPrometheus({
      dir: t.testdir(),
      jobs: [
        { name: 'api', targets: [new URL(pair.api.baseUrl).host] },
        { name: 'runtime-service', targets: [new URL(runtime!.baseUrl).host] }
      ],
      scrapeIntervalMs: 1000
    })
    if (prometheus === undefined) throw new Error('there is a Prometheus, and it was not found')
    t.teardown(() => prometheus.stop())
    const ask = async (path: string) =>
      ((await (await fetch(`http://127.0.0.1:${prometheus.port}/api/v1/${path}`)).json()) as { data: never }).data
    const exemplars = await waitFor(
      async () => {
        const found: { exemplars: { labels: Record<string, string> }[] }[] = await ask(
          'query_exemplars?query=chat_execution_latency_ms_bucket&start=0&end=9999999999'
        )
        return found
          .flatMap((series) => series.exemplars.map(({ labels }) => labels.trace_id))
          .find((id) => id === TRACE)
      },
      { timeoutMs: 60_000, what: 'the exemplar in Prometheus' }
    )
    t.equal(exemplars, TRACE)
    const targets = await waitFor(
      async () => {
        const all = await prometheus.targets()
        return all.every(({ health }) => health !== 'unknown') && all
      },
      { timeoutMs: 60_000, what: 'a scrape of both services' }
    )
    t.strictSame(
      targets.map(({ health, lastError }) => [health, lastError]),
      [
        ['up', ''],
        ['up', '']
      ],
      'both pages are taken whole in the form that Prometheus asks for'
    )
  }
)

t.test(
  'promtool finds nothing on either page but the names that are known',
  { skip: missingPrometheus() },
  async (t) => {
    const promtool = await findPromtool()
    if (promtool === undefined) throw new Error('there is a promtool, and it was not found')
    for (const { baseUrl } of [pair.api, runtime!]) {
      const input = await (await fetch(`${baseUrl}/metrics`)).text()
      const { stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' })
      const named = new Set(
        stderr
          .trim()
          .split('\n')
          .map((line) => line.split(' ', 1)[0])
      )
      const unknown = [...named].filter((name) => !(LINT_EXCEPTIONS as readonly string[]).includes(String(name)))
      t.strictSame(unknown, [], stderr)
      t.match(input, 'trace_spans_total{outcome="failed"} 0')
    }
  }
)

const COUNTED: readonly (readonly [service: 'api' | 'runtime', series: RegExp])[] = [
  ['api', /^chat_execution_total\{mode="runtime_orchestrator"\} 1$/m],
  ['api', /^db_query_duration_seconds_count\{operation="accept_turn"\} 1$/m],
  ['api', /^db_query_duration_seconds_count\{operation="finish_turn"\} 1$/m],
  ['api', /^db_query_duration_seconds_count\{operation="auth"\} [1-9]/m],
  ['api', /^http_client_connections\{peer="runtime",state="(idle|used)"\} [1-9]/m],
  ['api', /^chat_execution_in_flight_limit\{mode="runtime_orchestrator"\} 1000$/m],
  ['runtime', /^runtime_step_duration_seconds_count\{step="llm"\} 2$/m],
  ['runtime', /^runtime_step_duration_seconds_count\{step="tool"\} 1$/m],
  ['runtime', /^runtime_step_duration_seconds_count\{step="plan"\} 1$/m],
  ['runtime', /^runtime_tool_calls_total\{tool="calculator",outcome="ok"\} 1$/m],
  ['runtime', /^trace_spans_total\{outcome="exported"\} [1-9]/m]
]

t.test('every metric of the catalogue is on its page, and the chat has moved what it should', async (t) => {
  const page = async ({ baseUrl }: { baseUrl: string }) => (await fetch(`${baseUrl}/metrics`)).text()
  const pages = { api: await page(pair.api), runtime: await page(runtime!) }
  for (const [service, metrics] of [
    ['api', { ...API_METRICS, ...SHARED_METRICS }],
    ['runtime', { ...RUNTIME_METRICS, ...SHARED_METRICS }]
  ] as const) {
    const missing = Object.values(metrics).filter(({ name, type, labels }) => {
      // Values that come from configuration may be none at all.
      const series = Object.values(labels).includes('open') ? '' : `\\n${name}(_bucket)?(\\{.*\\})? `
      return !new RegExp(`^# TYPE ${name} ${type}${series}`, 'm').test(pages[service])
    })
    t.strictSame(
      missing.map(({ name }) => name),
      [],
      service
    )
  }
  for (const [service, series] of COUNTED) t.match(pages[service], series, String(series))
})

t.test('failing over is in the same trace, and the failed attempt says why', async (t) => {
  const traceId = TRACE.replaceAll('0', 'a')
  const headers = { traceparent: `00-${traceId}-${CALLER}-01` }
  const chat = await pair.stream(pair.inRuntime, { message: 'Long [[sim:length=300]] [[sim:gap=20]]' }, headers)
  await chat.until((event) => event.type === 'message.delta')
  runtime?.kill('SIGKILL')
  t.match((await chat.ended).at(-1), { type: 'execution.completed', attempts: 2, mode: 'direct_llm' })
  const trace = await traceOf(traceId, ['invoke_agent default', 'chat simulator', 'execute_chat', 'finish_turn'])
  const execution = trace.get('semibot-api execute_chat')
  const failed = trace.get('semibot-api invoke_agent default')
  const answered = trace.get('semibot-api chat simulator')
  t.match(failed, { failed: true, attributes: { 'error.type': 'RUNTIME_UNAVAILABLE', 'semibot.attempt': 1 } })
  t.match(answered, { failed: false, attributes: { 'semibot.attempt': 2, 'semibot.mode': 'direct_llm' } })
  t.strictSame([failed?.parentSpanId, answered?.parentSpanId], [execution?.spanId, execution?.spanId])
  t.match(execution, { failed: false, attributes: { 'semibot.attempts': 2, 'semibot.mode': 'direct_llm' } })
})

t.test('without its collector a chat is what it was', async (t) => {
  await collector.stop()
  const chat = await pair.stream(pair.direct, { message: 'Hello there' })
  t.match((await chat.ended).at(-1), { type: 'execution.completed', attempts: 1 })
})
