import fc from 'fast-check'
import t from 'tap'
import { propertyRuns } from './helpers/messages.ts'
import { type Behaviour, type Simulation, simulate } from './helpers/simulation.ts'

const URLS = ['http://a:1', 'http://b:1', 'http://c:1']

type Act =
  | { does: 'behave'; url: string; how: Behaviour }
  | { does: 'chat'; times: number }
  | { does: 'wait'; ms: number }
  | { does: 'health'; url: string; isGood: boolean }
  | { does: 'reset' }
  | { does: 'force'; mode: 'open' | 'closed' | 'auto'; seconds: number }
  | { does: 'instances'; urls: string[] }

const url = fc.constantFrom(...URLS)
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('behave' as const),
      url,
      how: fc.constantFrom<Behaviour>('ok', 'refuses', 'refuses', 'fails', 'times_out', 'cancelled', 'model_fails')
    })
  },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('chat' as const), times: fc.integer({ min: 1, max: 25 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.constantFrom(10, 250, 1000, 6000, 40_000) })
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('health' as const), url, isGood: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ does: 'reset' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('force' as const),
      mode: fc.constantFrom('open' as const, 'closed' as const, 'auto' as const),
      seconds: fc.integer({ min: 1, max: 60 })
    })
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('instances' as const), urls: fc.subarray(URLS) }) }
)

async function perform({ behaviour, breaker, chats, clock }: Simulation, act: Act): Promise<unknown> {
  switch (act.does) {
    case 'behave':
      return behaviour.set(act.url, act.how)
    case 'chat':
      return chats(act.times)
    case 'wait':
      return clock.advance(act.ms)
    case 'health':
      return breaker.reportHealth(act.url, act.isGood)
    case 'reset':
      return breaker.reset('operator')
    case 'force':
      return breaker.force({ mode: act.mode, reason: '', actor: 'operator', expiresInSeconds: act.seconds })
    case 'instances':
      return breaker.setInstances(act.urls)
  }
}

/** What is wrong with the breaker at this moment, or ''. */
function flaw({ breaker, transitions, status }: Simulation): string {
  const now = status()
  if (now.fallback !== breaker.fallback || now.fallback !== (now.state !== 'closed'))
    return 'the gauge is not the state'
  if (now.fallback === (now.fallbackReason === '')) return `state ${now.state} with reason "${now.fallbackReason}"`
  const last = transitions.at(-1)
  if (last !== undefined && last.to !== now.state)
    return `the last transition led to ${last.to}, the state is ${now.state}`
  for (const [index, { from, wasFallback }] of transitions.entries()) {
    const before = transitions[index - 1]
    if (from !== (before?.to ?? 'closed') || wasFallback !== (before?.fallback ?? false))
      return `transition ${index} has a gap`
  }
  const admission = breaker.peek('session')
  if (admission.allowed && !admission.isTrial !== (now.state === 'closed')) return 'admitted against the state'
  for (const { isUp, circuit } of now.instances) {
    const isOpen = now.state !== 'closed' || !isUp
    if (circuit.isOpen !== isOpen) return `a circuit is ${circuit.isOpen ? 'open' : 'closed'} in ${now.state}`
  }
  if (now.state === 'closed' && !now.instances.some(({ isUp }) => isUp) && now.forced === null)
    return 'closed without an instance'
  if (now.instances.some(({ inFlight }) => inFlight !== 0)) return 'a call is still counted'
  return ''
}

t.test('I11, I12: whatever happens, the gate answers, the gauge is the state, the circuits follow it', async (t) => {
  const numRuns = propertyRuns(300)
  t.setTimeout(60_000 + numRuns * 100)
  let changes = 0
  const property = fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 50 }), async (acts) => {
    const simulation = simulate(t, { instances: URLS })
    for (const [index, each] of acts.entries()) {
      await perform(simulation, each)
      const wrong = flaw(simulation)
      if (wrong !== '') throw new Error(`after act ${index}, ${JSON.stringify(each)}: ${wrong}`)
    }
    changes += simulation.transitions.length
    await simulation.breaker.close()
  })
  await fc.assert(property, { numRuns })
  t.ok(changes > numRuns, `${changes} transitions in ${numRuns} lives`)
})
