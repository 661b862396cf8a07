import { setTimeout as delay } from 'node:timers/promises'
import { type CollectedSpan, startTraceCollector, type TraceCollector } from '@semibot/stack'
import t, { type Test } from 'tap'
import {
  createTracing,
  type TraceSampler,
  type Tracing,
  type TracingOptions,
  traced,
  traceIdOf
} from '../../src/index.ts'
import { isTraceparent, spanIdOf } from '../../src/tracing/traceparent.ts'
import { until } from '../fixtures/harness.ts'

const SAMPLED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const UNSAMPLED = `${SAMPLED.slice(0, -1)}0`

async function start(t: Test, options: Partial<TracingOptions> = {}): Promise<[Tracing, TraceCollector]> {
  const collector = await startTraceCollector()
  t.teardown(() => collector.stop())
  const tracing = await createTracing({
    endpoint: collector.url,
    serviceName: 'a-service',
    version: '1.2.3',
    instanceId: 'one',
    delayMs: 5,
    ...options
  })
  t.teardown(() => tracing.close())
  return [tracing, collector]
}

const named = (spans: readonly CollectedSpan[], name: string) => spans.find((span) => span.name === name)

t.test('spans arrive with their parents, kinds, attributes and outcome', async (t) => {
  const [tracing, collector] = await start(t, {
    headers: 'x-token=se%2Ccret, other=1',
    resourceAttributes: 'deployment.environment.name=test,service.instance.id=two'
  })
  const server = tracing.start('GET /things', SAMPLED, { kind: 'server', attributes: { 'http.route': '/things' } })
  t.ok(isTraceparent(server.traceparent))
  const failing = traced(
    tracing,
    'call',
    server.traceparent,
    { kind: 'client', attributes: { n: 1, none: undefined } },
    async (span) => {
      span.set({ yes: true, list: ['a', 'b'], long: 'x'.repeat(5000) })
      throw Object.assign(new Error('secret text'), { code: 'LLM_REJECTED' })
    }
  )
  await t.rejects(failing)
  server.end()
  server.end()
  const root = tracing.start('a new trace', undefined)
  root.end()
  await until(() => collector.spans.length === 3, 'three spans')

  const [parent, child, other] = ['GET /things', 'call', 'a new trace'].map((name) => named(collector.spans, name))
  t.match(parent, {
    traceId: traceIdOf(SAMPLED),
    parentSpanId: spanIdOf(SAMPLED),
    spanId: spanIdOf(server.traceparent),
    kind: 'server',
    failed: false,
    service: 'a-service',
    attributes: { 'http.route': '/things' },
    resource: { 'service.version': '1.2.3', 'service.instance.id': 'two', 'deployment.environment.name': 'test' }
  })
  t.match(child, { traceId: parent?.traceId, parentSpanId: parent?.spanId, kind: 'client', failed: true })
  t.strictSame(
    { ...child?.attributes, long: String(child?.attributes.long).length },
    { n: 1, yes: true, list: ['a', 'b'], long: 1024, 'error.type': 'LLM_REJECTED' },
    'the text of an error is not among them'
  )
  t.equal(other?.parentSpanId, '')
  t.not(other?.traceId, parent?.traceId)
  t.match(collector.headers, { 'x-token': 'se,cret', other: '1' })
  await until(() => tracing.counts().exported === 3, 'the spans to be counted')
  t.strictSame(tracing.counts(), { exported: 3, failed: 0, dropped: 0 })
})

const SAMPLERS: readonly (readonly [
  sampler: TraceSampler,
  ratio: number,
  kept: [root: boolean, sampled: boolean, unsampled: boolean]
])[] = [
  ['parentbased_traceidratio', 1, [true, true, false]],
  ['parentbased_traceidratio', 0, [false, true, false]],
  ['parentbased_always_on', 0, [true, true, false]],
  ['parentbased_always_off', 1, [false, true, false]],
  ['traceidratio', 0, [false, false, false]],
  ['traceidratio', 1, [true, true, true]],
  ['always_on', 0, [true, true, true]],
  ['always_off', 1, [false, false, false]]
]

t.test('the caller decides whether its trace is kept, the sampler about new ones', async (t) => {
  for (const [sampler, ratio, kept] of SAMPLERS) {
    const [tracing] = await start(t, { sampler, ratio, delayMs: 60_000 })
    const parents = [undefined, SAMPLED, UNSAMPLED]
    const flags = parents.map((parent) => tracing.start('work', parent).traceparent.endsWith('-01'))
    t.strictSame(flags, kept, `${sampler} ${ratio}: what is handed on says so`)
    await tracing.close()
  }
  const [tracing, collector] = await start(t, { ratio: 0 })
  tracing.start('unseen', UNSAMPLED).end()
  tracing.start('seen', SAMPLED).end()
  await until(() => collector.spans.length > 0, 'a span')
  t.strictSame(
    collector.spans.map(({ name }) => name),
    ['seen']
  )
})

t.test('a collector that refuses or hangs costs spans and nothing else', async (t) => {
  const seen: (string | null)[] = []
  const [tracing, collector] = await start(t, {
    maxWaiting: 10,
    onCollector: (trouble) => seen.push(trouble === null ? null : trouble.message)
  })
  collector.answer(400)
  tracing.start('refused', SAMPLED).end()
  await until(() => tracing.counts().failed === 1, 'the refusal to be counted')
  collector.answer(200)
  tracing.start('taken', SAMPLED).end()
  await until(() => tracing.counts().exported === 1, 'the next span to be taken')
  t.equal(seen.length, 2, 'told once when it went and once when it came back')
  t.equal(seen[1], null)

  collector.answer('hang')
  const before = collector.requests
  tracing.start('hangs', SAMPLED).end()
  await until(() => collector.requests > before, 'the hanging request')
  for (let n = 0; n < 500; n++) tracing.start('waits', SAMPLED).end()
  t.equal(tracing.counts().dropped, 490, 'ten wait, the others are dropped')
  const startedAt = performance.now()
  await Promise.race([tracing.close(), delay(15_000)])
  t.ok(performance.now() - startedAt < 10_000, 'it closes nevertheless')
})

t.test('a collector that is not there keeps nobody waiting at the end', async (t) => {
  const collector = await startTraceCollector()
  await collector.stop()
  const troubles: unknown[] = []
  const alone = await createTracing({
    endpoint: collector.url,
    serviceName: 's',
    version: '1',
    instanceId: 'i',
    delayMs: 5,
    onCollector: (trouble) => troubles.push(trouble)
  })
  alone.start('work', SAMPLED).end()
  await alone.close()
  const { exported, dropped } = alone.counts()
  t.strictSame([exported, dropped, troubles.filter((trouble) => trouble === null)], [0, 0, []])
})

t.test('no collector, no tracing; bad pairs are refused by name', async (t) => {
  const options = { serviceName: 's', version: '1', instanceId: 'i' }
  t.equal((await createTracing({ ...options, endpoint: undefined })).enabled, false)
  const endpoint = 'http://127.0.0.1:1'
  await t.rejects(createTracing({ ...options, endpoint, headers: 'token' }), {
    message: /^headers: expected key=value/
  })
  await t.rejects(createTracing({ ...options, endpoint, resourceAttributes: '=x' }), { message: /^resourceAttributes/ })
})
