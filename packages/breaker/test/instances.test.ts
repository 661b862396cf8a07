import fc from 'fast-check'
import t from 'tap'
import { CircuitOpenError, type Pass } from '../src/index.ts'
import { MAX_INSTANCES } from '../src/instances/instance-set.ts'
import { hashText, isWithinShare, weightOf } from '../src/instances/rendezvous.ts'
import { type Behaviour, simulate } from './helpers/simulation.ts'

const A = 'http://runtime-a:8000'
const B = 'http://runtime-b:8000'
const C = 'http://runtime-c:8000'

function sessionOn(instance: string, pick: (session: string) => string | null): string {
  for (let number = 0; ; number++) if (pick(`s-${number}`) === instance) return `s-${number}`
}

t.test('one dead instance of two is ejected, and nothing falls back', async (t) => {
  const { behaviour, breaker, chats, clock, instanceChanges, status, transitions } = simulate(t, { instances: [A, B] })
  behaviour.set(A, 'refuses')
  await chats(40)
  t.strictSame(instanceChanges, [[A, false, 'unavailable']])
  t.match(status(), { state: 'closed', fallback: false })
  t.match(status().instances, [
    { url: A, isUp: false, out: 'unavailable', hardErrors: 3, circuit: { isOpen: true } },
    { url: B, isUp: true, out: '', circuit: { isOpen: false } }
  ])
  t.strictSame(transitions, [])
  const pass = breaker.admit('x') as Pass
  for (let number = 0; number < 100; number++) t.equal(breaker.pick(pass, `s-${number}`), B)
  await clock.advance(5000)
  t.strictSame(instanceChanges[1], [A, true, 'unavailable'], 'it comes back on probation')
  behaviour.set(A, 'refuses')
  await chats(40)
  t.equal(status().instances[0]?.hardErrors, 1, 'where one failure is enough')
  t.equal((status().instances[0]?.ejectedUntil ?? 0) - clock.wallNow(), 10_000, 'and for longer')
})

t.test('ejections grow to a minute and are forgotten after a calm time', async (t) => {
  const { behaviour, chats, clock, status } = simulate(t, { instances: [A, B] })
  const lengths: number[] = []
  for (let round = 0; round < 14; round++) {
    behaviour.set(A, 'refuses')
    await chats(40)
    lengths.push((status().instances[0]?.ejectedUntil ?? 0) - clock.wallNow())
    await clock.advance(lengths.at(-1) ?? 0)
  }
  t.same(lengths.slice(0, 3), [5000, 10_000, 15_000])
  t.same(lengths.slice(-3), [60_000, 60_000, 60_000])
  behaviour.set(A, 'ok')
  await chats(40)
  await clock.advance(300_000)
  behaviour.set(A, 'refuses')
  await chats(40)
  t.equal((status().instances[0]?.ejectedUntil ?? 0) - clock.wallNow(), 5000)
})

t.test('all instances ejected opens the breaker as unavailable', async (t) => {
  const { behaviour, chats, status, transitions } = simulate(t, { instances: [A, B, C] })
  await chats(12)
  for (const url of [A, B, C]) behaviour.set(url, 'refuses')
  await chats(11)
  t.match(status(), { state: 'open', reason: 'unavailable' })
  t.equal(transitions.length, 1)
})

t.test('an instance that accepts is not ejected for a few lost streams', async (t) => {
  const { breaker, status } = simulate(t)
  const pass = breaker.admit('x') as Pass
  const lose = async ({ accepted }: { accepted(): void }) => {
    accepted()
    throw Object.assign(new Error('lost'), { code: 'RUNTIME_STALLED', origin: 'runtime' })
  }
  for (let call = 0; call < 9; call++)
    await t.rejects(breaker.call(pass, A.replace('-a', '-1'), lose), { message: 'lost' })
  t.match(status(), { state: 'closed', instances: [{ isUp: true, hardErrors: 1 }], window: { errors: 9 } })
})

t.test('bad health alone takes an instance out, good health brings it back at once', async (t) => {
  const { breaker, instanceChanges, status } = simulate(t, { instances: [A, B] })
  breaker.reportHealth(A, false)
  breaker.reportHealth(A, false)
  t.ok(status().instances[0]?.isUp, 'two failed checks are not enough')
  breaker.reportHealth(A, false)
  breaker.reportHealth(A, true)
  t.strictSame(instanceChanges, [
    [A, false, 'health'],
    [A, true, 'health']
  ])
})

t.test('bad health of every instance opens it, unless calls say otherwise', async (t) => {
  const idle = simulate(t)
  const url = idle.status().instances[0]?.url ?? ''
  for (let check = 0; check < 3; check++) {
    idle.breaker.reportHealth(url, false)
    await idle.clock.advance(1000)
  }
  t.match(idle.status(), { state: 'open', reason: 'health', fallbackReason: '健康检查未通过' })

  const busy = simulate(t)
  for (let check = 0; check < 60; check++) {
    busy.breaker.reportHealth(url, false)
    await busy.chats(3)
    await busy.clock.advance(1000)
  }
  t.match(busy.status(), { state: 'closed', instances: [{ isUp: true, failedHealthChecks: 1 }] })
  t.strictSame(busy.transitions, [])
})

t.test('a runtime that works although its health says no does not flap', async (t) => {
  const { breaker, clock, probes, status, transitions } = simulate(t)
  const url = status().instances[0]?.url ?? ''
  for (let second = 0; second < 120; second++) {
    breaker.reportHealth(url, false)
    await clock.advance(1000)
  }
  t.same(
    transitions.map(({ to }) => to),
    ['open', 'half_open', 'closed'],
    'trials have proven it, and its health counts again only after it was good once'
  )
  t.equal(probes.length, 10)
  breaker.reportHealth(url, true)
  for (let check = 0; check < 3; check++) breaker.reportHealth(url, false)
  t.equal(status().state, 'open')
})

t.test('a session stays on its instance while that is in service', async (t) => {
  const { behaviour, breaker, chat } = simulate(t, { instances: [A, B, C] })
  const pass = breaker.admit('x') as Pass
  const pick = (session: string) => breaker.pick(pass, session)
  const session = sessionOn(A, pick)
  const hold = Promise.withResolvers<void>()
  const calls = Array.from({ length: 5 }, () => breaker.call(pass, A, () => hold.promise))
  t.equal(pick(session), A, 'also when it is the busier one')
  t.not(pick(sessionOn(A, pick).replace('s-', 'new-')), null)
  behaviour.set(A, 'refuses')
  for (let call = 0; call < 3; call++) await chat(session)
  t.not(pick(session), A, 'and moves when it is not')
  t.ok([B, C].includes(pick(session) ?? ''))
  hold.resolve()
  await Promise.all(calls)
})

t.test('new sessions go to the less busy of their two candidates', async (t) => {
  const { breaker } = simulate(t, { instances: [A, B] })
  const pass = breaker.admit('x') as Pass
  const hold = Promise.withResolvers<void>()
  const calls = [breaker.call(pass, A, () => hold.promise)]
  for (let number = 0; number < 50; number++) t.equal(breaker.pick(pass, `busy-${number}`), B)
  t.equal(breaker.pick(pass, 'other', B), A, 'the excluded one is not chosen')
  hold.resolve()
  await Promise.all(calls)
  const placed = Array.from({ length: 1000 }, (_, number) => breaker.pick(pass, `idle-${number}`))
  const onA = placed.filter((url) => url === A).length
  t.ok(onA > 400 && onA < 600, `idle instances share the sessions: ${onA} of 1000`)
})

t.test('with one instance there is no other', async (t) => {
  const { breaker } = simulate(t, { instances: [A] })
  const pass = breaker.admit('x') as Pass
  t.equal(breaker.pick(pass, 's'), A)
  t.equal(breaker.pick(pass, 's', A), null)
})

t.test('the list of instances can change while calls run', async (t) => {
  const { behaviour, breaker, status } = simulate(t, { instances: [A, B] })
  const pass = breaker.admit('x') as Pass
  const hold = Promise.withResolvers<string>()
  const running = breaker.call(pass, A, () => hold.promise)
  behaviour.set(C, 'ok')
  breaker.setInstances([B, C, C])
  t.same(
    status().instances.map(({ url }) => url),
    [B, C]
  )
  await t.rejects(
    breaker.call(pass, A, async () => 'never'),
    CircuitOpenError,
    'an instance that is gone gets no calls'
  )
  hold.resolve('whole')
  t.equal(await running, 'whole', 'but what it has begun ends well')
  breaker.setInstances([])
  t.match(status(), { state: 'open', reason: 'unavailable' }, 'no instance at all is an outage')
  t.equal(breaker.pick(pass, 's'), null)
})

t.test('more instances than the limit are not used', async (t) => {
  const { breaker, status } = simulate(t)
  breaker.setInstances(Array.from({ length: MAX_INSTANCES + 10 }, (_, index) => `http://10.0.0.${index}:8000`))
  t.equal(status().instances.length, MAX_INSTANCES)
})

t.test('after an outage of all, one that stays dead does not keep the others out', async (t) => {
  const { behaviour, chats, clock, probes, status } = simulate(t, { instances: [A, B] })
  const all = (does: Behaviour) => [A, B].map((url) => behaviour.set(url, does))
  all('refuses')
  await chats(20)
  t.equal(status().state, 'open')
  behaviour.set(B, 'ok')
  await clock.advance(60_000)
  t.equal(status().state, 'closed')
  const onA = probes.filter(({ instance }) => instance === A).length
  t.ok(onA <= 6, `the dead one is probed last: ${onA} of ${probes.length}`)
})

t.test('rendezvous: when an instance goes, only its sessions move', (t) => {
  const places = [A, B, C].map(hashText)
  const best = (key: number, among: number[]) =>
    among.reduce((first, place) => (weightOf(key, place) > weightOf(key, first) ? place : first))
  const property = fc.property(fc.string({ minLength: 1 }), fc.nat(2), (session, gone) => {
    const key = hashText(session)
    const before = best(key, places)
    const left = places.filter((_, index) => index !== gone)
    return before === places[gone] || best(key, left) === before
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
  t.end()
})

t.test('a share keeps its sessions as it grows', (t) => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const property = fc.property(fc.string(), share, share, (session, a, b) => {
    const [small, great] = a < b ? [a, b] : [b, a]
    return !isWithinShare(session, small) || isWithinShare(session, great)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2000 }))
  t.notOk(isWithinShare('any', 0))
  t.ok(isWithinShare('any', 1))
  t.end()
})
