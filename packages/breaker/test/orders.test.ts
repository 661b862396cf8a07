import t from 'tap'
import { ONLY, simulate } from './helpers/simulation.ts'

t.test('a reset closes at once, forgets everything, and is told with its actor', async (t) => {
  const { behaviour, breaker, chats, status, transitions } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  const { epoch } = status()
  t.match(await breaker.reset('operator:ab12'), {
    state: 'closed',
    fallback: false,
    fallbackReason: '',
    streak: 0,
    rampShare: 1,
    epoch: epoch + 1,
    window: { samples: 0 },
    instances: [{ isUp: true, hardErrors: 0 }]
  })
  t.match(transitions.at(-1), {
    from: 'open',
    to: 'closed',
    reason: 'reset',
    reasonText: '手动重置',
    actor: 'operator:ab12',
    fallback: false
  })
  t.match(await breaker.reset('operator:ab12'), { state: 'closed', streak: 0 }, 'again is no mistake')
})

t.test('a reset in an outage holds until chats fail anew', async (t) => {
  const { behaviour, breaker, chats, clock, status } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  for (let check = 0; check < 5; check++) breaker.reportHealth(ONLY, false)
  await chats(5)
  await breaker.reset('operator')
  for (let check = 0; check < 60; check++) {
    breaker.reportHealth(ONLY, false)
    await clock.advance(1000)
  }
  t.equal(status().state, 'closed', 'health that stays bad is nothing new')
  await chats(4)
  t.equal(status().state, 'closed')
  await chats(1)
  t.equal(status().state, 'open')
})

t.test('the late failures of calls from before a reset change nothing', async (t) => {
  const { behaviour, breaker, chats, clock, status } = simulate(t)
  const { promise: lost, reject: lose } = Promise.withResolvers<void>()
  const pass = breaker.admit('x')
  if (!pass.allowed) throw new Error('the breaker is not closed')
  const calls = Array.from({ length: 40 }, () => breaker.call(pass, ONLY, () => lost).catch(() => 'failed'))
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  await breaker.reset('operator')
  lose(Object.assign(new Error('lost'), { code: 'RUNTIME_UNAVAILABLE', origin: 'runtime' }))
  t.same(
    await Promise.all(calls),
    calls.map(() => 'failed'),
    'their callers get their results'
  )
  await clock.advance(1000)
  t.match(status(), { state: 'closed', window: { samples: 0 }, instances: [{ hardErrors: 0, inFlight: 0 }] })
})

t.test('forced open holds against good evidence, is named, and ends in a trial', async (t) => {
  const { breaker, chat, chats, clock, probes, status, transitions } = simulate(t)
  await chats(20)
  const forced = await breaker.force({ mode: 'open', reason: '维护', actor: 'operator', expiresInSeconds: 60 })
  t.match(forced, {
    state: 'open',
    fallback: true,
    reason: 'forced',
    fallbackReason: '手动强制: 维护',
    forced: { mode: 'open', actor: 'operator', reason: '维护', expiresAt: clock.wallNow() + 60_000 }
  })
  t.equal(breaker.forced, 'open')
  t.strictSame(breaker.admit('x'), { allowed: false, rule: 'forced_open', reason: 'forced' })
  breaker.reportHealth(ONLY, false)
  breaker.reportHealth(ONLY, true)
  await clock.advance(59_000)
  t.equal(await chat(), 'refused')
  t.strictSame(probes, [], 'nothing is sent to the runtime')
  await clock.advance(6000)
  t.match(status(), { state: 'closed', forced: null, fallbackReason: '' })
  t.same(
    transitions.map(({ to, reason, actor }) => [to, reason, actor]),
    [
      ['open', 'forced', 'operator'],
      ['half_open', 'forced', 'automatic'],
      ['closed', 'recovered', 'automatic']
    ]
  )
})

t.test('forced open onto a dead runtime does not end in a closed breaker', async (t) => {
  const { behaviour, breaker, clock, status } = simulate(t)
  await breaker.force({ mode: 'open', reason: '', actor: 'operator', expiresInSeconds: 10 })
  behaviour.set(ONLY, 'refuses')
  await clock.advance(13_000)
  t.match(status(), { state: 'open', forced: null, reason: 'unavailable', fallbackReason: '无法连接' })
})

t.test('forced closed holds against bad evidence, also with every instance down', async (t) => {
  const { behaviour, breaker, chat, chats, clock, status } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  await breaker.force({ mode: 'closed', reason: 'test', actor: 'operator', expiresInSeconds: 30 })
  await chats(50)
  t.equal(await chat(), 'failed', 'it reaches the runtime')
  t.match(status(), { state: 'closed', fallback: false, forced: { mode: 'closed' }, instances: [{ isUp: true }] })
  await clock.advance(31_000)
  t.match(status(), { state: 'closed', forced: null }, 'then the evidence decides, from an empty window')
  await chats(5)
  t.equal(status().state, 'open')
})

t.test('an order can be taken back, and the same one twice is one', async (t) => {
  const { breaker, clock, status, transitions } = simulate(t)
  const order = { mode: 'open', reason: 'deploy', actor: 'operator', expiresInSeconds: 600 } as const
  await breaker.force(order)
  await breaker.force(order)
  t.equal(transitions.length, 1)
  await breaker.force({ ...order, expiresInSeconds: 1200 })
  t.equal(transitions.length, 2, 'a longer one is another')
  await breaker.force({ mode: 'auto', reason: '', actor: 'operator' })
  t.match(status(), { state: 'half_open', forced: null })
  await clock.advance(4000)
  t.equal(status().state, 'closed')
  await breaker.force({ mode: 'auto', reason: '', actor: 'operator' })
  t.equal(transitions.at(-1)?.reason, 'recovered', 'taking nothing back is no change')
})

t.test('a reset ends an order as well', async (t) => {
  const { breaker } = simulate(t)
  await breaker.force({ mode: 'open', reason: '', actor: 'operator' })
  t.match(await breaker.reset('operator'), { state: 'closed', forced: null })
})

t.test('says which expiry is wrong', async (t) => {
  const { breaker } = simulate(t)
  for (const expiresInSeconds of [0, -1, 86_401, Number.NaN]) {
    const order = { mode: 'open', reason: '', actor: 'operator', expiresInSeconds } as const
    await t.rejects(breaker.force(order), {
      name: 'RangeError',
      message: `expiresInSeconds must be above 0 and at most 86400, got ${expiresInSeconds}`
    })
  }
})

t.test('an order given while a change is told is carried out', async (t) => {
  const { behaviour, breaker, chats, status, transitions } = simulate(t, {
    onTransition(transition) {
      transitions.push(transition)
      if (transition.to === 'open') void breaker.reset('reflex')
    }
  })
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  t.equal(status().state, 'closed')
  t.same(
    transitions.map(({ to, reason }) => [to, reason]),
    [
      ['open', 'unavailable'],
      ['closed', 'reset']
    ]
  )
})
