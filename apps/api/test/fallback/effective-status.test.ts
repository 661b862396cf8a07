import { createFallbackBreaker } from '@semibot/breaker'
import t from 'tap'
import { effectiveStatus } from '../../src/fallback/effective-status.ts'

t.test('nothing falls back while no chat may use the runtime, unless an operator forced it', async (t) => {
  const breaker = createFallbackBreaker({
    instances: ['http://127.0.0.1:1'],
    thresholds: { errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 240_000, minSamples: 10 },
    probe: async () => {}
  })
  t.teardown(() => breaker.close())
  const closed = breaker.status()
  t.equal(effectiveStatus(closed, false), closed)

  const open = {
    ...closed,
    fallback: true,
    state: 'open' as const,
    reason: 'unavailable' as const,
    fallbackReason: '无法连接'
  }
  t.equal(effectiveStatus(open, true), open)
  t.match(effectiveStatus(open, false), { fallback: false, fallbackReason: '', reason: '', state: 'open' })

  await breaker.force({ mode: 'open', reason: 'test', actor: 'admin-1' })
  const forced = breaker.status()
  t.equal(forced.fallback, true)
  t.equal(effectiveStatus(forced, false), forced)
})
