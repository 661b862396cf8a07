import t from 'tap'
import { CircuitOpenError, type Pass } from '../src/index.ts'
import { ONLY, simulate } from './helpers/simulation.ts'

t.test('a healthy runtime is used, and nothing is written about it', async (t) => {
  const { breaker, chats, clock, status, transitions, probes } = simulate(t)
  await chats(50)
  await clock.advance(60_000)
  t.notOk(breaker.fallback)
  t.match(status(), { state: 'closed', fallback: false, reason: '', fallbackReason: '', rampShare: 1, epoch: 0 })
  t.match(status().window, { samples: 50, errors: 0, seconds: 300, maxSamples: 1000 })
  t.strictSame(transitions, [])
  t.strictSame(probes, [], 'a closed breaker sends no probes')
})

t.test('five refused connections open it at once, as unavailable', async (t) => {
  const { behaviour, breaker, chat, rejected, status, transitions } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  for (let call = 0; call < 4; call++) t.equal(await chat(), 'failed')
  t.notOk(breaker.fallback, 'four are not enough')
  t.equal(await chat(), 'failed')
  t.ok(breaker.fallback)
  t.strictSame(breaker.admit('any'), { allowed: false, rule: 'open', reason: 'unavailable' })
  t.equal(await chat(), 'refused')
  t.match(status(), {
    state: 'open',
    reason: 'unavailable',
    fallbackReason: '无法连接',
    scope: 'cluster',
    instances: [{ url: ONLY, isUp: false, out: 'unavailable', circuit: { isOpen: true } }]
  })
  t.match(transitions, [
    {
      from: 'closed',
      to: 'open',
      reason: 'unavailable',
      reasonText: '无法连接',
      actor: 'automatic',
      scope: 'cluster',
      decidedHere: true,
      fallback: true,
      wasFallback: false,
      evidence: { samples: 5, errors: 5, votes: 1, live: 1 }
    }
  ])
  t.strictSame(rejected, [], 'chats that are not admitted are not turned away by opossum')
})

t.test('a call that was admitted before the trip is turned away by opossum', async (t) => {
  const { behaviour, breaker, chats, rejected } = simulate(t)
  const early = breaker.admit('early') as Pass
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  let wasRun = false
  const run = async () => {
    wasRun = true
  }
  await t.rejects(breaker.call(early, ONLY, run), CircuitOpenError)
  t.notOk(wasRun)
  t.strictSame(rejected, [ONLY])
})

t.test('trips by rate, in order, with the figures as text', async (t) => {
  const cases = [
    { bad: 'fails', count: 10, ok: 9, text: '错误率过高: 52.63% (阈值: 50.00%)', reason: 'error_rate' },
    { bad: 'times_out', count: 6, ok: 13, text: '超时率过高: 31.58% (阈值: 30.00%)', reason: 'timeout_rate' }
  ] as const
  for (const { bad, count, ok, text, reason } of cases) {
    const { behaviour, chats, status, transitions } = simulate(t)
    await chats(ok)
    behaviour.set(ONLY, bad)
    await chats(count)
    t.match(status(), { state: 'open', reason, fallbackReason: text })
    t.match(transitions, [{ to: 'open', reason, text, evidence: { samples: 19 } }])
  }
})

t.test('the mean latency opens it', async (t) => {
  const { breaker, clock, status } = simulate(t)
  for (let call = 0; call < 10; call++) {
    const pass = breaker.admit('slow') as Pass
    breaker.report(pass, ONLY, 'ok', { latencyMs: 250_000 })
  }
  t.equal(status().state, 'closed', 'successes are looked at with the next tick')
  await clock.advance(250)
  t.match(status(), { state: 'open', reason: 'latency', fallbackReason: '平均延迟过高: 250000ms (阈值: 240000ms)' })
})

t.test('what is not the fault of the runtime never opens it', async (t) => {
  const { behaviour, chats, status } = simulate(t)
  for (const does of ['cancelled', 'model_fails'] as const) {
    behaviour.set(ONLY, does)
    await chats(1000)
    t.match(status(), { state: 'closed', window: { samples: 0 } }, does)
  }
})

t.test('it comes back by probes alone: trials, ramp, everything', async (t) => {
  const { behaviour, breaker, chats, clock, probes, status, transitions } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  const openedAt = clock.now()
  await clock.advance(4900)
  t.equal(status().state, 'open')
  behaviour.set(ONLY, 'ok')
  await clock.advance(350)
  t.match(status(), { state: 'half_open', fallback: true, fallbackReason: '无法连接' })
  await clock.advance(3000)
  t.match(status(), { state: 'closed', fallback: false, fallbackReason: '', rampShare: 0.1 })
  t.ok(clock.now() - openedAt <= 15_000, 'within 15 seconds')
  t.equal(probes.length, 10)
  t.same(
    transitions.map(({ to, reason, fallback }) => [to, reason, fallback]),
    [
      ['open', 'unavailable', true],
      ['half_open', 'unavailable', true],
      ['closed', 'recovered', false]
    ]
  )
  t.match(transitions[2], { reasonText: '指标恢复正常', evidence: { trials: 10, failedTrials: 0 } })

  const admitted = () =>
    Array.from({ length: 2000 }, (_, index) => breaker.admit(`session-${index}`)).filter(({ allowed }) => allowed)
      .length
  t.ok(Math.abs(admitted() - 200) < 60, 'a tenth of the sessions at first')
  t.strictSame(breaker.admit('session-1').allowed, breaker.admit('session-1').allowed, 'a session is not tossed about')
  await clock.advance(10_000)
  t.ok(Math.abs(admitted() - 1000) < 120, 'then half of them')
  await clock.advance(20_000)
  t.equal(admitted(), 2000)
})

t.test('trial calls of chats share the permits with the probes and count once accepted', async (t) => {
  const { behaviour, breaker, chat, chats, clock, probes, status } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  t.equal(await chat(), 'refused')
  behaviour.set(ONLY, 'ok')
  await clock.advance(5000)
  t.match(status(), { state: 'half_open', trials: { permitsOut: 5, permitsHeld: 4, results: 1, needed: 10 } })
  t.equal(probes.length, 1, 'a probe goes first')

  const pass = breaker.admit('chat')
  t.match(pass, { allowed: true, isTrial: true })
  const { promise: streamEnds, resolve: endStream } = Promise.withResolvers<void>()
  const call = breaker.call(pass as Pass, ONLY, async ({ accepted }) => {
    accepted()
    accepted()
    await streamEnds
  })
  t.match(status().trials, { results: 2, failed: 0 }, 'the end of a stream is not waited for')
  for (let taken = 0; taken < 3; taken++) t.ok(breaker.admit('chat').allowed)
  t.strictSame(breaker.admit('chat'), { allowed: false, rule: 'half_open', reason: 'half_open' })
  t.strictSame(breaker.peek('chat'), { allowed: false, rule: 'half_open', reason: 'half_open' })
  endStream()
  await call
  t.match(status().trials, { results: 2, failed: 0 }, 'and counts no second time')
})

t.test('a chat that was admitted before waits for the closed breaker, and for no share of the ramp', async (t) => {
  const { behaviour, breaker, chats, clock, status } = simulate(t)
  const sessions = Array.from({ length: 50 }, (_, index) => `early-${index}`)
  const picked = () => new Set(sessions.map((session) => breaker.pickForAdmitted(session)))
  t.strictSame([...picked()], [ONLY])
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  t.strictSame([...picked()], [null], 'open')
  behaviour.set(ONLY, 'ok')
  await clock.advance(5000)
  const { trials } = status()
  t.match(status(), { state: 'half_open', trials: { permitsHeld: 4 } })
  t.strictSame([...picked()], [null], 'half open, also when a trial could begin')
  t.strictSame(status().trials, trials, 'no place of a trial is taken')
  await clock.advance(3500)
  t.match(status(), { state: 'closed', rampShare: 0.1 })
  t.ok(
    sessions.some((session) => !breaker.peek(session).allowed),
    'new chats wait for their share'
  )
  t.strictSame([...picked()], [ONLY])
  await breaker.force({ mode: 'open', reason: 'test', actor: 'operator' })
  t.strictSame([...picked()], [null], 'forced')
})

t.test('an accepted trial that fails in the end counts against the runtime', async (t) => {
  const { behaviour, breaker, chats, clock, status } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  behaviour.set(ONLY, 'ok')
  await clock.advance(5000)
  const pass = breaker.admit('chat') as Pass
  const run = async ({ accepted }: { accepted(): void }) => {
    accepted()
    throw Object.assign(new Error('lost'), { code: 'RUNTIME_UNAVAILABLE', origin: 'runtime' })
  }
  await t.rejects(breaker.call(pass, ONLY, run), { message: 'lost' })
  t.match(status().trials, { results: 3, failed: 1 })
})

t.test('three failed trials open it again, for twice as long', async (t) => {
  const { behaviour, chats, clock, status, transitions } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  await clock.advance(6000)
  t.match(status(), { state: 'open', streak: 2, reason: 'unavailable' })
  const { nextProbeAt, since } = status()
  t.equal((nextProbeAt ?? 0) - since, 10_000)
  t.same(
    transitions.map(({ to }) => to),
    ['open', 'half_open', 'open']
  )
  t.match(transitions[2], { evidence: { trials: 3, failedTrials: 3 } })
})

t.test('nothing is probed while nothing may be sent', async (t) => {
  let may = false
  const { behaviour, chats, clock, probes, status } = simulate(t, { mayProbe: () => may })
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  await clock.advance(600_000)
  t.strictSame(probes, [])
  t.equal(status().state, 'half_open')
  may = true
  behaviour.set(ONLY, 'ok')
  await clock.advance(4000)
  t.equal(status().state, 'closed')
})

t.test('a hanging probe is a failed one and is told so by its signal', async (t) => {
  const signals: AbortSignal[] = []
  const probe = (_: string, signal: AbortSignal) => {
    signals.push(signal)
    return new Promise<void>(() => {})
  }
  const { behaviour, chats, clock, status } = simulate(t, { probe })
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  await clock.advance(5250)
  t.equal(signals.length, 1)
  await clock.advance(3000)
  t.ok(signals.every(({ aborted }) => aborted))
  t.match(status(), { state: 'open', streak: 2 })
})

t.test('thresholds can be replaced while it runs', async (t) => {
  const { behaviour, breaker, chats, status } = simulate(t)
  breaker.setThresholds({ errorRate: 0.9, timeoutRate: 0.3, meanLatencyMs: 1000, minSamples: 20 })
  await chats(5)
  behaviour.set(ONLY, 'fails')
  await chats(15)
  t.match(status(), { state: 'closed', thresholds: { errorRate: 0.9, minSamples: 20 } })
  breaker.setThresholds({ errorRate: 0.5, timeoutRate: 0.3, meanLatencyMs: 1000, minSamples: 20 })
  await chats(1)
  t.match(status(), { state: 'open', fallbackReason: '错误率过高: 76.19% (阈值: 50.00%)' })
})

t.test('a callback that throws stops nothing', async (t) => {
  const errors: unknown[] = []
  const fail = () => {
    throw new Error('broken')
  }
  const { behaviour, chats, status } = simulate(t, {
    onTransition: fail,
    onInstance: fail,
    onError: (error) => errors.push(error)
  })
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  t.equal(status().state, 'open')
  t.equal(errors.length, 2)
})

t.test('closing it leaves no timer', async (t) => {
  const { behaviour, breaker, chats, clock } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  behaviour.set(ONLY, 'ok')
  await clock.advance(5250)
  await breaker.close()
  t.equal(clock.timers, 0)
})
