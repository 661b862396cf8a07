import t from 'tap'
import { Lease } from '../../src/engine/lease.ts'

function start(renew: () => Promise<void> = async () => undefined) {
  const clock = { now: 0, renewals: 0 }
  const lease = new Lease({
    renew: async () => {
      clock.renewals++
      await renew()
    },
    leaseMs: 1000,
    renewMs: 20,
    idleMs: 3_600_000,
    now: () => clock.now
  })
  t.teardown(() => lease.close())
  return { lease, clock }
}

const forever = new AbortController().signal

t.test('a lease counts from the moment at which its renewal was sent, not from the answer', async (t) => {
  const answer = Promise.withResolvers<void>()
  const { lease, clock } = start(() => answer.promise)
  t.equal(lease.isValid, false)
  const renewal = lease.renew()
  clock.now = 999
  answer.resolve()
  await renewal
  t.equal(lease.isValid, true)
  clock.now = 1000
  t.equal(lease.isValid, false)
})

t.test('a lapse is counted when the lease is renewed after it, and the first renewal is none', async (t) => {
  const { lease, clock } = start()
  await lease.renew()
  t.equal(lease.lapses, 0)
  clock.now = 900
  await lease.renew()
  t.equal(lease.lapses, 0)
  clock.now = 5000
  t.equal(lease.lapses, 0, 'nobody has looked yet')
  await lease.renew()
  t.equal(lease.lapses, 1)
})

t.test(
  'a renewal that was sent in time and arrives too late is a lapse: the others saw none for so long',
  async (t) => {
    const late = Promise.withResolvers<void>()
    let answer: Promise<void> = Promise.resolve()
    const { lease, clock } = start(() => answer)
    await lease.renew()
    clock.now = 200
    answer = late.promise
    const renewal = lease.renew()
    clock.now = 1100
    late.resolve()
    await renewal
    t.equal(lease.isValid, true)
    t.equal(lease.lapses, 1)
  }
)

t.test('renewals at the same time are one', async (t) => {
  const { lease, clock } = start()
  await Promise.all([lease.renew(), lease.renew(), lease.renew()])
  t.equal(clock.renewals, 1)
})

t.test('whoever needs the lease waits until it can be renewed, or is called off', async (t) => {
  let isAway = true
  const { lease } = start(async () => {
    if (isAway) throw new Error('the database is away')
  })
  await t.rejects(lease.renew(), { message: 'the database is away' })
  const stop = new AbortController()
  const called = lease.ensure(stop.signal)
  stop.abort(new Error('called off'))
  await t.rejects(called, { message: 'called off' })
  const waiting = lease.ensure(forever)
  isAway = false
  await waiting
  t.equal(lease.isValid, true)
})

t.test('it is renewed often while runs depend on it, and after its end no more', async (t) => {
  const { lease, clock } = start()
  const leave = lease.use()
  while (clock.renewals < 3) await lease.renew()
  const { renewals } = clock
  while (clock.renewals === renewals) await new Promise((resolve) => setTimeout(resolve, 5))
  leave()
  leave()
  lease.close()
  lease.begin()
  t.ok(clock.renewals > renewals)
})

t.test('a lease has lapsed when the machine has slept', async (t) => {
  const lease = new Lease({ renew: async () => undefined, leaseMs: 60_000, renewMs: 1000, idleMs: 1000 })
  t.teardown(() => lease.close())
  await lease.renew()
  t.equal(lease.isValid, true)
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  Date.now = () => now() + 60_000
  t.equal(lease.isValid, false)
  await lease.renew()
  t.same([lease.isValid, lease.lapses], [true, 1])
})
