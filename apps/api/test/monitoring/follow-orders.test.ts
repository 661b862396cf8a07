import type { BreakerStatus } from '@semibot/breaker'
import type { FallbackEvent } from '@semibot/db'
import t from 'tap'
import { createOrderFollower } from '../../src/monitoring/follow-orders.ts'

let ids = 0
function order(kind: 'reset' | 'force', state: string, instance = 'other'): FallbackEvent {
  const id = String(++ids)
  const rest = { runtime: 'default', reason: 'any', detail: 'why', evidence: null, expiresAt: null }
  return { id, kind, state, instance, actor: `admin-${id}`, createdAt: new Date(), ...rest }
}
const reset = (instance?: string) => order('reset', 'closed', instance)
const auto = (instance?: string) => order('force', 'auto', instance)
const open = (instance?: string) => order('force', 'open', instance)

/** A follower on replica `self`; `look` gives it the orders of the database, oldest first. */
function setup(...before: FallbackEvent[]) {
  const done: string[] = []
  const orders = [...before]
  const store = { store: 'memory', degraded: false }
  const status = () => store as BreakerStatus
  const breaker = {
    status,
    reset: async (actor: string) => {
      done.push(`reset by ${actor}`)
      return status()
    },
    force: async ({ mode, actor }: { mode: string; actor: string }) => {
      done.push(`${mode} by ${actor}`)
      return status()
    }
  }
  const follow = createOrderFollower({ breaker, instanceId: 'self', findOrders: async () => orders.toReversed() })
  const look = async (...further: FallbackEvent[]) => {
    orders.push(...further)
    await follow()
    return done.splice(0)
  }
  return { look, store }
}

t.test('what another replica was told is done here as well, once', async (t) => {
  const { look } = setup()
  t.same(await look(), [])
  const first = reset()
  t.same(await look(first), [`reset by ${first.actor}`])
  t.same(await look(), [])
  const second = auto()
  t.same(await look(second), [`auto by ${second.actor}`])
})

t.test('what was ordered before this replica began is past', async (t) => {
  const { look } = setup(reset(), auto())
  t.same(await look(), [])
  t.equal((await look(reset())).length, 1)
})

t.test('several orders between two looks', async (t) => {
  const cases: [what: string, orders: () => FallbackEvent[], expected: (orders: FallbackEvent[]) => string[]][] = [
    ['own ones are known', () => [reset('self')], () => []],
    ['a force comes by another way, and ends what was before it', () => [reset(), open()], () => []],
    ['a reset is not lost behind the end of a force', () => [reset(), auto()], ([one]) => [`reset by ${one?.actor}`]],
    ['a reset ends the force before it', () => [open(), reset()], ([, two]) => [`reset by ${two?.actor}`]],
    ['an own order after one of another', () => [reset(), auto('self')], ([one]) => [`reset by ${one?.actor}`]]
  ]
  for (const [what, make, expected] of cases) {
    const { look } = setup(reset())
    await look()
    const orders = make()
    t.same(await look(...orders), expected(orders), what)
  }
})

t.test('while Redis tells the replicas of each other there is nothing to do', async (t) => {
  const { look, store } = setup()
  await look()
  store.store = 'redis'
  t.same(await look(reset()), [])
  store.degraded = true
  t.same(await look(), [], 'what came by Redis is not done again when Redis goes')
  t.equal((await look(reset())).length, 1, 'what comes later is')
})
