import { createTracing, NO_TRACING, type Tracing, traceIdOf } from '@semibot/service-kit'
import { type CollectedSpan, startTraceCollector } from '@semibot/stack'
import { waitFor } from '@semibot/stack/test'
import t from 'tap'
import type { RunContext } from '../../src/agent/run-context.ts'
import type { RunStep } from '../../src/agent/step.ts'
import { inlineSteps } from '../../src/agent/step.ts'
import { StepBudget } from '../../src/agent/step-budget.ts'
import { traceRuns } from '../../src/agent/trace-run.ts'
import type { StepRunner } from '../../src/engine/durability.ts'
import { Stop } from '../../src/engine/stop.ts'
import { makeRequest, makeToolRequest } from '../helpers/execute.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const LIMITS = { maxSteps: 9, maxToolCalls: 9, maxTokens: 1000, maxCostUsd: undefined, prices: [] }
const TURN = { usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 }, finishReason: 'tool_calls' }

const collector = await startTraceCollector()
t.teardown(() => collector.stop())
const service = { serviceName: 'runtime', version: '1', instanceId: 'i', endpoint: collector.url }
const tracing = await createTracing({ ...service, delayMs: 5 })
t.teardown(() => tracing.close())

let runs = 0

/** Runs this work as the run of an agent, and gives its spans by name once they have arrived. */
async function trace(work: StepRunner, { withTools = true, runStep = inlineSteps(new AbortController().signal) } = {}) {
  const traceId = (++runs).toString(16).padStart(32, 'a')
  const headers = { traceparent: PARENT.replace(traceIdOf(PARENT), traceId) }
  const request = withTools ? makeToolRequest('Hello') : makeRequest('Hello')
  const run = { request, headers, budget: new StepBudget(LIMITS, 'simulator') } as unknown as RunContext
  const outcome = await traceRuns(tracing, 'openai', work)(run, runStep).catch((error: unknown) => error)
  t.equal(headers.traceparent, PARENT.replace(traceIdOf(PARENT), traceId), 'the run is under its caller again')
  const own = () => collector.spans.filter((span) => span.traceId === traceId)
  await waitFor(() => own().some(({ name }) => name.startsWith('invoke_agent')), { what: 'the span of the run' })
  return { outcome, spans: new Map(own().map((span) => [span.name, span])), all: own() }
}

const idOf = (span: CollectedSpan | undefined) => `-${span?.spanId}-`

t.test('tools and models are told the span that they belong to', async (t) => {
  const seen: string[] = []
  const { outcome, spans } = await trace(async (run, runStep) => {
    await runStep('llm:0', 'none', async () => {
      seen.push(run.headers.traceparent)
      return TURN
    })
    await Promise.all(
      ['a', 'b'].map((name) =>
        runStep(`tool:call:1:${name}`, 'unsafe', async ({ traceparent }) => {
          seen.push(String(traceparent))
          const failed = { status: 'error', error: { code: 'TOOL_FAILED' } }
          return name === 'a' ? { status: 'ok' } : failed
        })
      )
    )
    return 'stop'
  })
  t.equal(outcome, 'stop')
  const [model, a, b] = ['chat simulator', 'execute_tool a', 'execute_tool b'].map((name) => spans.get(name))
  t.match(seen[0], idOf(model))
  t.match(seen[1], idOf(a))
  t.match(seen[2], idOf(b))
  const step = spans.get('step 1')?.spanId
  t.strictSame([model?.parentSpanId, a?.parentSpanId, b?.parentSpanId], [step, step, step])
  t.match(a, { failed: false, attributes: { 'gen_ai.tool.call.id': 'call:1', 'semibot.tool.effect': 'unsafe' } })
  t.match(b, { failed: true, attributes: { 'error.type': 'TOOL_FAILED', 'semibot.tool.status': 'error' } })
})

t.test('a step whose result was recorded has no span', async (t) => {
  const recorded: RunStep = async (name, _effect, step) =>
    name === 'llm:0' ? (TURN as never) : step({ signal: new AbortController().signal, begunBefore: false })
  const { all } = await trace(
    async (_run, runStep) => {
      await runStep('llm:0', 'none', async () => TURN)
      await runStep('llm:1', 'none', async () => TURN)
      return 'stop'
    },
    { runStep: recorded }
  )
  t.strictSame(all.map(({ name }) => name).toSorted(), ['chat simulator', 'invoke_agent assistant', 'step 2'])
})

t.test('a run without tools is one model call', async (t) => {
  let told = ''
  const { spans } = await trace(
    async (run) => {
      told = run.headers.traceparent
      run.budget.addUsage({ inputTokens: 5, outputTokens: 6, totalTokens: 11 })
      return 'length'
    },
    { withTools: false }
  )
  t.match(told, idOf(spans.get('chat simulator')))
  const result = { 'gen_ai.usage.input_tokens': 5, 'gen_ai.response.finish_reasons': ['length'] }
  t.match(spans.get('chat simulator'), { kind: 'client', attributes: { ...result, 'gen_ai.provider.name': 'openai' } })
  t.match(spans.get('invoke_agent default'), { attributes: result })
})

const ENDS: readonly (readonly [error: unknown, type: string])[] = [
  [new Stop({ kind: 'deadline' }), 'deadline'],
  [new Stop({ kind: 'cancelled', reason: 'user' }), 'cancelled'],
  [Object.assign(new Error('no'), { code: 'LLM_REJECTED' }), 'LLM_REJECTED'],
  [new TypeError('ours'), 'TypeError'],
  ['a string', '_OTHER']
]

t.test('a run that ends before its answer says why, and so does the step', async (t) => {
  for (const [error, type] of ENDS) {
    const { outcome, spans, all } = await trace((_run, runStep) =>
      runStep('llm:0', 'none', () => Promise.reject(error))
    )
    t.equal(outcome, error)
    t.equal(all.length, 3, 'every span has ended')
    for (const name of ['chat simulator', 'invoke_agent assistant'])
      t.match(spans.get(name), { failed: true, attributes: { 'error.type': type } }, `${name}: ${type}`)
  }
})

t.test('without tracing the work is left as it is', async (t) => {
  const work: StepRunner = async () => 'stop'
  const off: Tracing = NO_TRACING
  t.equal(traceRuns(off, 'openai', work), work)
})
