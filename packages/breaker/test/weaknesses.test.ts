import t from 'tap'
import type { Pass } from '../src/index.ts'
import { ONLY, simulate, THRESHOLDS } from './helpers/simulation.ts'

// Each of these was a fault of an earlier system of this kind; see the design's list of weaknesses.

t.test('W1: recovers without any call of a user', async (t) => {
  const { behaviour, chats, clock, status } = simulate(t)
  await chats(9)
  behaviour.set(ONLY, 'fails')
  await chats(10)
  t.equal(status().state, 'open')
  behaviour.set(ONLY, 'ok')
  await clock.advance(15_000)
  t.equal(status().state, 'closed')
})

t.test('W2: a reset sticks until there is new evidence', async (t) => {
  const { behaviour, breaker, chats, clock, status } = simulate(t)
  behaviour.set(ONLY, 'fails')
  await chats(30)
  const failing = breaker.admit('late')
  t.notOk(failing.allowed)
  t.match(await breaker.reset('operator'), { state: 'closed', fallbackReason: '', window: { samples: 0 } })
  behaviour.set(ONLY, 'ok')
  await chats(1)
  await clock.advance(60_000)
  t.match(
    status(),
    { state: 'closed', window: { samples: 1, errors: 0 } },
    'one success does not bring the old failures back'
  )
  behaviour.set(ONLY, 'fails')
  await chats(9)
  t.equal(status().state, 'open', 'nine new failures of ten do')
})

t.test('W3: a runtime that is down trips, however a rate would be weighted', async (t) => {
  const { behaviour, breaker, chats, status } = simulate(t)
  breaker.setThresholds({ ...THRESHOLDS, errorRate: 1, timeoutRate: 1, minSamples: 1000 })
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  t.match(status(), { state: 'open', reason: 'unavailable' })
})

t.test('W4: a small share of traffic trips as well: only calls to the runtime fill the window', async (t) => {
  const { behaviour, breaker, chats, clock, status } = simulate(t)
  behaviour.set(ONLY, 'fails')
  // Half a percent of 3 calls a second: one call each minute is too thin even for the window; four are not.
  for (let call = 0; call < 10; call++) {
    for (let direct = 0; direct < 60; direct++) breaker.peek(`direct-${direct}`)
    await chats(1)
    await clock.advance(15_000)
  }
  t.match(status().state, /^(open|half_open)$/)
})

t.test(
  'W8: everything that the metrics need is told: gauge, state, transitions with a closed set of reasons',
  async (t) => {
    const { behaviour, breaker, chats, clock, status, transitions } = simulate(t)
    behaviour.set(ONLY, 'refuses')
    await chats(5)
    t.equal(breaker.fallback, true)
    t.equal(breaker.forced, null)
    behaviour.set(ONLY, 'ok')
    await clock.advance(15_000)
    t.equal(breaker.fallback, false)
    let gauge = false
    for (const transition of transitions) {
      t.equal(transition.wasFallback, gauge, `${transition.from} -> ${transition.to} begins where the last one ended`)
      gauge = transition.fallback
      t.equal(gauge, transition.to !== 'closed')
    }
    t.equal(gauge, status().fallback)
  }
)

t.test('W10: a look at the state costs the same whatever the window holds', async (t) => {
  const { breaker, clock, status } = simulate(t)
  const pass = breaker.admit('x') as Pass
  const look = () => {
    const start = performance.now()
    for (let round = 0; round < 2000; round++) breaker.admit('x')
    return performance.now() - start
  }
  look()
  const empty = Math.min(look(), look(), look())
  for (let second = 0; second < 300; second++) {
    for (let call = 0; call < 3; call++) breaker.report(pass, ONLY, 'ok', { latencyMs: 10 })
    await clock.advance(1000)
  }
  t.ok(status().window.samples > 800)
  const full = Math.min(look(), look(), look())
  t.ok(full < empty * 5 + 5, `2000 looks: ${empty.toFixed(2)} ms empty, ${full.toFixed(2)} ms full`)
})

t.test('W13: slow answers trip by their own limits, far below the timeout', async (t) => {
  const p95 = simulate(t, { thresholds: { ...THRESHOLDS, p95LatencyMs: 5000 } })
  const passOf = ({ breaker }: typeof p95) => breaker.admit('x') as Pass
  for (let call = 0; call < 20; call++) {
    p95.breaker.report(passOf(p95), ONLY, 'ok', { latencyMs: call < 18 ? 900 : 5001 })
  }
  await p95.clock.advance(250)
  t.match(p95.status(), {
    state: 'open',
    reason: 'latency',
    fallbackReason: 'P95 延迟过高的请求: 10.00% (阈值: 5.00%)'
  })

  const first = simulate(t, { thresholds: { ...THRESHOLDS, firstTokenMs: 2000 } })
  for (let call = 0; call < 12; call++) {
    first.breaker.report(passOf(first), ONLY, 'ok', { latencyMs: 3000, firstTokenMs: call < 5 ? 500 : 2500 })
  }
  await first.clock.advance(250)
  t.match(first.status(), { state: 'open', reason: 'latency', fallbackReason: '首字过慢的请求: 58.33% (阈值: 50.00%)' })
})

t.test('W13: the first token is timed by the call itself', async (t) => {
  const { breaker, clock, status } = simulate(t, { thresholds: { ...THRESHOLDS, firstTokenMs: 2000, minSamples: 1 } })
  const pass = breaker.admit('x') as Pass
  await breaker.call(pass, ONLY, async ({ accepted, firstToken }) => {
    accepted()
    await clock.advance(2001)
    firstToken()
    await clock.advance(5000)
    firstToken()
  })
  await clock.advance(250)
  t.match(status(), { state: 'open', reason: 'latency' })
})

t.test('W14: a timeout is a timeout and no error as well', async (t) => {
  const { behaviour, chats, status } = simulate(t)
  await chats(14)
  behaviour.set(ONLY, 'times_out')
  await chats(6)
  t.match(status(), {
    state: 'closed',
    window: { samples: 20, timeouts: 6, errors: 0, timeoutRate: 0.3, errorRate: 0 }
  })
})

t.test('nine failures, or four of ten, change nothing', async (t) => {
  const nine = simulate(t)
  nine.behaviour.set(ONLY, 'fails')
  await nine.chats(9)
  t.equal(nine.status().state, 'closed')
  const some = simulate(t)
  for (let round = 0; round < 40; round++) {
    some.behaviour.set(ONLY, 'ok')
    await some.chats(6)
    some.behaviour.set(ONLY, 'fails')
    await some.chats(4)
  }
  t.match(some.status(), { state: 'closed', window: { errorRate: 0.4 } })
})
