import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { isSampled, NO_TRACING, traced, traceIdOf } from '../../src/index.ts'
import { isTraceparent, spanIdOf, traceFlagsOf, traceparentOf } from '../../src/tracing/traceparent.ts'

const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

const INVALID = [
  undefined,
  '',
  [VALID],
  VALID.toUpperCase(),
  VALID.slice(0, -1),
  `${VALID}-extra`,
  `ff${VALID.slice(2)}`,
  '00-00000000000000000000000000000000-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01'
]

t.test('a valid trace context is kept, anything else begins a new one', (t) => {
  t.equal(traceparentOf(VALID), VALID)
  for (const header of INVALID) {
    const made = traceparentOf(header as string)
    t.ok(isTraceparent(made), `${String(header)} -> ${made}`)
    t.not(made, header)
    t.ok(isSampled(made), 'it is sampled')
  }
  t.equal(new Set(Array.from({ length: 1000 }, () => traceIdOf(traceparentOf(undefined)))).size, 1000, 'all are unique')
  t.end()
})

t.test('the parts of a trace context put together are the whole', (t) => {
  const hex = (length: number) =>
    fc
      .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
      .map((digits) => digits.join(''))
      .filter((text) => /[^0]/.test(text))
  const flags = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(hex(32), hex(16), flags, (traceId, spanId, flag) => {
      const text = `00-${traceId}-${spanId}-${flag.toString(16).padStart(2, '0')}`
      t.equal(isTraceparent(text), true)
      t.strictSame(
        [traceIdOf(text), spanIdOf(text), traceFlagsOf(text), isSampled(text)],
        [traceId, spanId, flag, flag % 2 === 1]
      )
    }),
    { numRuns: 50 }
  )
  t.end()
})

t.test('without tracing a span hands on its parent and records nothing', async (t) => {
  const span = NO_TRACING.start('work', VALID, { kind: 'client', attributes: { a: 1 } })
  t.equal(span.traceparent, VALID)
  span.set({ b: 2 })
  span.fail('X')
  span.end()
  t.ok(isTraceparent(NO_TRACING.start('work', undefined).traceparent), 'a new trace where there is none')
  t.strictSame(NO_TRACING.counts(), { exported: 0, failed: 0, dropped: 0 })
  await NO_TRACING.close()
  t.equal(await traced(NO_TRACING, 'work', VALID, {}, async ({ traceparent }) => traceparent), VALID)
  await t.rejects(
    traced(NO_TRACING, 'work', VALID, {}, () => Promise.reject(new RangeError('no'))),
    RangeError
  )
})

t.test('without a collector nothing of the OpenTelemetry SDK is loaded', async (t) => {
  const program = fileURLToPath(new URL('fixtures/loaded-modules.ts', import.meta.url))
  const run = (...args: string[]) => {
    const output = execFileSync(process.execPath, ['--conditions=@semibot/source', program, ...args])
    return JSON.parse(output.toString()) as { enabled: boolean; loaded: string[] }
  }
  const off = run()
  t.equal(off.enabled, false)
  t.strictSame(
    off.loaded.filter((name) => name !== 'api'),
    [],
    'but the interface, which the Prometheus client brings'
  )
  const on = run('http://127.0.0.1:1')
  t.equal(on.enabled, true)
  t.ok(on.loaded.includes('sdk-trace'))
})
