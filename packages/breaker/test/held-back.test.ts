import t from 'tap'
import { CircuitOpenError, type Pass } from '../src/index.ts'
import { ExecutionFailure, simulate } from './helpers/simulation.ts'

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

t.test('what was held back before a change of the state does not count after it', async (t) => {
  const { behaviour, breaker, chats, status } = simulate(t, { instances: [A, B] })
  const pass = breaker.admit('x') as Pass
  const lose = () => Promise.reject(new ExecutionFailure('RUNTIME_UNAVAILABLE'))
  for (let call = 0; call < 2; call++) await breaker.call(pass, A, lose).catch(() => {})
  await breaker.reset('operator')
  behaviour.set(A, 'ok')
  await chats(40)
  t.match(status().window, { samples: 40, errors: 0 })
})

t.test('calls that an instance lost when it was ejected do not count when it is back', async (t) => {
  const { breaker, chats, clock, status } = simulate(t, { instances: [A, B] })
  const pass = breaker.admit('x') as Pass
  const { promise: lost, reject: lose } = Promise.withResolvers<void>()
  const old = Array.from({ length: 30 }, () => breaker.call(pass, A, () => lost).catch(() => {}))
  const fail = () => Promise.reject(new ExecutionFailure('RUNTIME_UNAVAILABLE'))
  for (let call = 0; call < 3; call++) await breaker.call(pass, A, fail).catch(() => {})
  t.equal(status().instances[0]?.out, 'unavailable')
  await clock.advance(5250)
  t.equal(status().instances[0]?.out, '')
  lose(new ExecutionFailure('RUNTIME_UNAVAILABLE'))
  await Promise.all(old)
  t.match(status(), { state: 'closed', instances: [{ out: '', hardErrors: 0 }, {}] })
  await chats(40)
  t.match(status().window, { samples: 40, errors: 0 })
})
