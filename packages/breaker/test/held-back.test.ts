import t from 'tap'
import { CircuitOpenError, type Pass } from '../src/index.ts'
import { simulate } from './helpers/simulation.ts'

const A = 'http://runtime-a:8000'
const B = 'http://runtime-b:8000'
const refused = { code: 'RUNTIME_UNAVAILABLE', origin: 'runtime' }

/** Calls that are all under way before the first one ends. */
async function together(breaker: ReturnType<typeof simulate>['breaker'], instance: string, count: number) {
  const pass = breaker.admit('x') as Pass
  const gate = Promise.withResolvers<never>()
  const calls = Array.from({ length: count }, () => breaker.call(pass, instance, () => gate.promise))
  gate.reject(refused)
  const ends = await Promise.allSettled(calls)
  return ends.filter((end) => end.status === 'rejected' && !(end.reason instanceof CircuitOpenError)).length
}

t.test('a burst of calls on one dead instance of two ejects it and trips nothing', async (t) => {
  const { breaker, status, transitions } = simulate(t, { instances: [A, B] })
  t.equal(await together(breaker, A, 50), 50)
  t.match(status(), { state: 'closed', window: { samples: 0 } })
  t.match(status().instances, [
    { url: A, isUp: false },
    { url: B, isUp: true }
  ])
  t.strictSame(transitions, [])
})

t.test('the same burst on the only instance opens the breaker', async (t) => {
  const { breaker, status } = simulate(t, { instances: [A] })
  await together(breaker, A, 50)
  t.match(status(), { fallback: true })
})

t.test('an instance that answers in between is no dead one: its hard errors count', async (t) => {
  const { breaker, transitions } = simulate(t, { instances: [A, B] })
  const pass = breaker.admit('x') as Pass
  for (let round = 0; round < 4; round++) {
    await breaker.call(pass, A, () => Promise.reject(refused)).catch(() => {})
    await breaker.call(pass, A, () => Promise.reject(refused)).catch(() => {})
    await breaker.call(pass, A, async () => 'answer')
  }
  t.match(transitions, [{ to: 'open', reason: 'error_rate' }], 'two of three is too many')
})
