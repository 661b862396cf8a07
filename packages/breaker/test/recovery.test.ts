import t from 'tap'
import { backoffMs, DEFAULT_RULES, rampShare, trialsNeeded } from '../src/state/rules.ts'
import { ONLY, type Simulation, simulate, THRESHOLDS } from './helpers/simulation.ts'

const RULES = { ...DEFAULT_RULES, thresholds: THRESHOLDS }

/** One second of a life: a health check, some chats. */
async function second(simulation: Simulation, chats = 5): Promise<void> {
  const { behaviour, breaker, clock } = simulation
  breaker.reportHealth(ONLY, behaviour.get(ONLY) === 'ok')
  for (let part = 0; part < 4; part++) {
    for (let chat = 0; chat < chats; chat++) await simulation.chat()
    await clock.advance(250)
  }
}

t.test('the wait before trials doubles to five minutes, give or take a tenth', (t) => {
  t.same(
    [1, 2, 3, 6, 7, 20].map((streak) => backoffMs(streak, 0, RULES)),
    [5000, 10_000, 20_000, 160_000, 300_000, 300_000]
  )
  t.equal(backoffMs(1, 1, RULES), 5500)
  t.equal(backoffMs(1, -1, RULES), 4500)
  t.equal(backoffMs(7, 1, RULES), 300_000, 'never more than five minutes')
  t.same(
    [0, 1, 2, 3, 9].map((streak) => trialsNeeded(streak, RULES)),
    [10, 10, 20, 30, 30]
  )
  t.same([0, 9999, 10_000, 29_999, 30_000].map(rampShare), [0.1, 0.1, 0.5, 0.5, 1])
  t.end()
})

t.test('is back within 15 seconds of good health, whatever the backoff has grown to', async (t) => {
  for (const downSeconds of [20, 100, 700, 3000]) {
    const simulation = simulate(t)
    const { behaviour, clock, status } = simulation
    behaviour.set(ONLY, 'refuses')
    for (let passed = 0; passed < downSeconds; passed++) await second(simulation, 1)
    t.notOk(status().state === 'closed')
    behaviour.set(ONLY, 'ok')
    const upAt = clock.now()
    // The worst moment: the health is asked almost a second later.
    await clock.advance(990)
    while (status().state !== 'closed' && clock.now() - upAt < 60_000) await second(simulation, 1)
    const tookMs = clock.now() - upAt
    t.ok(tookMs <= 15_000, `after ${downSeconds} s down it took ${tookMs} ms, streak ${status().streak}`)
  }
})

t.test('a runtime that is up and down for ten seconds each does not toss the chats about', async (t) => {
  const simulation = simulate(t)
  const { behaviour, breaker, clock, status, transitions } = simulation
  const start = clock.now()
  let changes = 0
  let before = breaker.fallback
  for (let passed = 0; passed < 600; passed++) {
    behaviour.set(ONLY, Math.floor(passed / 10) % 2 === 0 ? 'refuses' : 'ok')
    await second(simulation)
    if (breaker.fallback !== before) changes++
    before = breaker.fallback
  }
  t.equal(clock.now() - start, 600_000)
  t.ok(changes <= 6, `${changes} changes of the gauge in ten minutes`)
  t.ok(status().streak > 3, 'the backoff has grown')
  t.ok(transitions.filter(({ to }) => to === 'closed').length <= 2)
  behaviour.set(ONLY, 'ok')
  for (let passed = 0; passed < 16; passed++) await second(simulation)
  t.equal(status().state, 'closed', 'and when it stays up it is used')
})

t.test('five calm minutes forget the opens before them', async (t) => {
  const { behaviour, chats, clock, status } = simulate(t)
  const trip = async () => {
    behaviour.set(ONLY, 'refuses')
    while (status().state === 'closed') await chats(1)
    behaviour.set(ONLY, 'ok')
  }
  await trip()
  t.equal(status().streak, 1)
  await clock.advance(60_000)
  await trip()
  t.equal(status().streak, 2)
  await clock.advance(400_000)
  t.equal(status().state, 'closed')
  await trip()
  t.equal(status().streak, 1)
})

t.test('never more than five probes in two seconds, nor five at once', async (t) => {
  let running = 0
  let most = 0
  const starts: number[] = []
  const { behaviour, chats, clock } = simulate(t, {
    probe: async () => {
      most = Math.max(most, ++running)
      starts.push(clock.now())
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 900))
      running--
      throw new Error('still down')
    }
  })
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  await clock.advance(1_800_000)
  t.ok(starts.length > 15, `${starts.length} probes in half an hour`)
  t.ok(most <= 5, `${most} at once`)
  const crowded = starts.filter((start) => starts.filter((other) => other >= start && other < start + 1500).length > 5)
  t.strictSame(crowded, [])
})

t.test('bad health keeps probes back, but not for ever', async (t) => {
  const { behaviour, breaker, chats, clock, probes, status } = simulate(t)
  behaviour.set(ONLY, 'refuses')
  await chats(5)
  const openedAt = clock.now()
  for (let passed = 0; passed < 8; passed++) {
    breaker.reportHealth(ONLY, false)
    await clock.advance(1000)
  }
  t.equal(status().state, 'half_open')
  t.strictSame(probes, [], 'another replica may see better')
  behaviour.set(ONLY, 'ok')
  await clock.advance(6000)
  t.equal(status().state, 'closed', 'only the health is broken')
  t.ok(clock.now() - openedAt < 20_000)
})
